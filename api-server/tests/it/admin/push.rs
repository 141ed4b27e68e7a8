//! Gateways that subscribed, and how far their streams are.

use std::time::Duration;

use serde_json::{Value, json};
use shared::proto::push::GatewaySubscribeRequest;
use shared::proto::push::push_client::PushClient;
use testkit::eventually;
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};

use super::{items, walk};
use crate::harness::{Api, GATEWAY_TOKEN};

const SUBSCRIBERS: &str = "/api/v1/admin/push/subscribers";
const SOON: Duration = Duration::from_secs(90);

async fn subscribe(api: &Api, name: &str) -> Streaming<shared::proto::push::PushEvent> {
    let channel = Endpoint::from_shared(format!("http://{}", api.grpc)).unwrap().connect().await.unwrap();
    let mut request = Request::new(GatewaySubscribeRequest { gateway_client_id: name.into(), cursor: String::new() });
    request.metadata_mut().insert("authorization", format!("Bearer {GATEWAY_TOKEN}").parse().unwrap());
    let mut frames = PushClient::new(channel).subscribe_push(request).await.unwrap().into_inner();
    frames.message().await.unwrap().expect("hello");
    frames
}

async fn of(api: &Api, name: &str) -> Value {
    let all = items(&api.admin(), SUBSCRIBERS).await;
    all.into_iter().find(|subscriber| subscriber["gateway_client_id"] == name).unwrap()
}

#[tokio::test]
async fn a_subscriber_is_seen_with_how_far_its_stream_is() {
    let api = Api::start().await;
    let other = api.replica().await;
    assert_eq!(items(&api.admin(), SUBSCRIBERS).await, Vec::<Value>::new());
    let mut east = subscribe(&api, "east").await;
    let _west = subscribe(&other, "west").await;
    assert_eq!(walk(&api.admin(), SUBSCRIBERS, "gateway_client_id").await, ["west", "east"]);
    for name in ["east", "west"] {
        eventually(SOON, "its replica says how far it is", || async { of(&api, name).await["seen_at"].is_string() })
            .await;
        assert_eq!(of(&api, name).await["behind"], 0, "{name}");
    }
    // An event goes by: who reads on is not behind it for long.
    let ada = api.account("ada").await;
    api.gateway().post(format!("/api/v1/internal/users/{ada}/sessions")).json(&json!({})).send().await.expect(201);
    api.gateway().post(format!("/api/v1/internal/users/{ada}/sessions/revoke-all")).send().await.expect(200);
    east.message().await.unwrap().expect("the invalidation, or a bookmark");
    eventually(SOON, "both are at the head again", || async {
        let all = items(&api.admin(), SUBSCRIBERS).await;
        all.iter().all(|subscriber| subscriber["behind"] == 0)
    })
    .await;
    let overview = api.admin().get("/api/v1/admin/overview").send().await.expect(200).json();
    assert_eq!((&overview["push_subscribers"], &overview["push_behind"]), (&json!(2), &json!(0)));

    // A stream that stands still, on a replica that says no more.
    sqlx::query(
        "INSERT INTO push_subscribers (gateway_client_id, stream_id, connected_at, epoch, seq, seen_at)
         SELECT 'slow', gen_random_uuid(), now(), epoch, base_seq + n - 1 - 7, now() FROM push_ticks
          ORDER BY epoch DESC, tick_id DESC LIMIT 1",
    )
    .execute(&api.pool())
    .await
    .unwrap();
    assert_eq!(of(&api, "slow").await["behind"], 7);
    api.sql("UPDATE push_subscribers SET epoch = epoch - 1 WHERE gateway_client_id = $1", "slow").await;
    assert_eq!(of(&api, "slow").await["behind"], Value::Null, "numbers of another epoch say nothing");
    for (parameter, value) in [("limit", "0"), ("cursor", "nonsense!")] {
        let answer = api.admin().get(SUBSCRIBERS).bad().query(parameter, value).send().await;
        answer.expect_problem(400, "invalid_request");
    }
}
