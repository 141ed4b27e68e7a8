//! `POST /user/lobby/games/{game_id}/applications`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Header, param::Path};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::applications::Application;
use crate::http::objects::race_names::WantedRaceName;
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::use_cases::applications;
use crate::use_cases::caller::{Caller, Context, User};

codes!(CreateApplicationCodes:
    Sanctioned, RaceNameInvalid, GameNotFound, GameStateConflict, EnrollmentClosed, AlreadyMember, ApplicationExists,
    RaceNameTaken, IdempotencyKeyReused
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Apply to a public game
    ///
    /// The race name is checked now and reserved on approval.
    #[oai(path = "/user/lobby/games/:game_id/applications", method = "post", operation_id = "create_application")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<WantedRaceName>,
    ) -> Result<Created<Application>, Fail<CreateApplicationCodes>> {
        let caller = Caller::user(&user, &context);
        let operation = format!("create_application {}", game_id.0);
        let key = idempotency::read(idempotency_key.0.as_deref(), caller.idempotency_owner(), &operation, &body.0)?;
        let made = applications::apply(&app, &caller, user.id, game_id.0.into(), &body.race_name, key.as_ref()).await?;
        let application: Application = made.into();
        Ok(Created::at(
            &format!("/user/lobby/games/{}/applications/{}", game_id.0, application.application_id),
            application,
        ))
    }
}
