//! `POST /user/lobby/race-names/register`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::race_names::{RaceName, WantedRaceName};
use crate::http::request::body::Body;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::race_names;

codes!(RegisterRaceNameCodes: RaceNameInvalid, RaceNameNotFound, LimitReached);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Register a race name for good
    ///
    /// One that is pending since the caller finished a game with it, in any spelling with the same key, within what the plan
    /// allows. A name that the caller has registered already is answered as it is.
    #[oai(path = "/user/lobby/race-names/register", method = "post", operation_id = "register_race_name")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        body: Body<WantedRaceName>,
    ) -> Result<Json<RaceName>, Fail<RegisterRaceNameCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(race_names::register(&app, &caller, user.id, &body.race_name).await?.into()))
    }
}
