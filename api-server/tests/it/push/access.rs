use shared::proto::push::push_client::PushClient;
use shared::proto::push::push_hub_client::PushHubClient;
use shared::proto::push::{GatewaySubscribeRequest, PublishRequest};
use testkit::TestDb;
use tonic::{Code, Request};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::{GATEWAY, PushConfig, Replica, WORKER, config, event, with_token};

fn ask<T>(message: T, token: Option<&str>) -> Request<T> {
    match token {
        Some(token) => with_token(message, token),
        None => Request::new(message),
    }
}

async fn subscribe(replica: &Replica, token: Option<&str>) -> Code {
    let message = GatewaySubscribeRequest { gateway_client_id: "g".into(), cursor: String::new() };
    let answer = PushClient::new(replica.channel()).subscribe_push(ask(message, token)).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

async fn publish(replica: &Replica, token: Option<&str>) -> Code {
    let message = PublishRequest { events: vec![event("u")] };
    let answer = PushHubClient::new(replica.channel()).publish(ask(message, token)).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

async fn reflect(replica: &Replica, token: Option<&str>) -> Result<Vec<String>, Code> {
    let question = MessageRequest::ListServices(String::new());
    let question = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let questions = ask(futures::stream::iter([question]), token);
    let answer = ServerReflectionClient::new(replica.channel()).server_reflection_info(questions).await;
    let mut answers = answer.map_err(|status| status.code())?.into_inner();
    let ServerReflectionResponse { message_response, .. } = answers.message().await.unwrap().unwrap();
    match message_response {
        Some(MessageResponse::ListServicesResponse(list)) => Ok(list.service.into_iter().map(|s| s.name).collect()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_rpc_refuses_callers_without_the_right_credential() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let unknown = [None, Some("x"), Some(""), Some("gateway-token2"), Some("gateway-toke")];
    for token in unknown {
        assert_eq!(subscribe(&replica, token).await, Code::Unauthenticated, "{token:?}");
        assert_eq!(publish(&replica, token).await, Code::Unauthenticated, "{token:?}");
        assert_eq!(reflect(&replica, token).await, Err(Code::Unauthenticated), "{token:?}");
    }
    assert_eq!(subscribe(&replica, Some(WORKER)).await, Code::PermissionDenied);
    assert_eq!(publish(&replica, Some(GATEWAY)).await, Code::PermissionDenied);
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM push_events").fetch_one(&db.pool()).await.unwrap();
    assert_eq!(events, 0, "nothing was written");

    assert_eq!(subscribe(&replica, Some(GATEWAY)).await, Code::Ok);
    assert_eq!(publish(&replica, Some(WORKER)).await, Code::Ok);
    // Every service that there is, so that a new one must be thought of here.
    let mut served = reflect(&replica, Some(WORKER)).await.unwrap();
    served.sort();
    assert_eq!(
        served,
        [
            "galaxy.push.v1.Push",
            "galaxy.push.v1.PushHub",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection"
        ]
    );
    assert!(reflect(&replica, Some(GATEWAY)).await.is_ok());
}

#[tokio::test]
async fn health_is_for_anyone_and_tells_the_truth() {
    let db = TestDb::new().await;
    let replica = Replica::start(&db).await;
    let mut client = HealthClient::new(replica.channel());
    for service in ["", "galaxy.push.v1.Push", "galaxy.push.v1.PushHub"] {
        testkit::eventually(super::PATIENCE, "serving", || {
            let mut client = client.clone();
            async move {
                let ask = HealthCheckRequest { service: service.into() };
                client.check(ask).await.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
            }
        })
        .await;
    }
    let unknown = client.check(HealthCheckRequest { service: "nobody".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn a_trusted_network_needs_no_token() {
    let db = TestDb::new().await;
    let replica = Replica::start_with(&db, PushConfig { gateway_token: None, worker_token: None, ..config() }).await;
    assert_eq!(subscribe(&replica, None).await, Code::Ok);
    assert_eq!(publish(&replica, None).await, Code::Ok);
    assert!(reflect(&replica, None).await.is_ok());
}
