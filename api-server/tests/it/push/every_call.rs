//! Who may call what (SPEC §4), walked over every call that the server serves: a new one in no group fails here.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{self, ServerReflectionRequest};

use super::gateway::{bearing, channel};
use super::stage::Stage;
use crate::harness::{GATEWAY_TOKEN, WORKER_TOKEN};

/// Whom a service admits, by token; "" is nobody in particular.
fn group(service: &str) -> &'static [&'static str] {
    match service {
        "galaxy.push.v1.Push" => &[GATEWAY_TOKEN],
        "galaxy.push.v1.PushHub" => &[WORKER_TOKEN],
        "grpc.health.v1.Health" => &["", "wrong", GATEWAY_TOKEN, WORKER_TOKEN],
        "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection" => {
            &[GATEWAY_TOKEN, WORKER_TOKEN]
        }
        other => panic!("{other} is in no group: who may call it?"),
    }
}

/// What the server itself lists.
async fn listed(channel: Channel) -> BTreeSet<String> {
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = bearing(tokio_stream::iter([ask]), GATEWAY_TOKEN);
    let mut answers = ServerReflectionClient::new(channel).server_reflection_info(asked).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().message_response {
        Some(MessageResponse::ListServicesResponse(list)) => list.service.into_iter().map(|s| s.name).collect(),
        other => panic!("{other:?}"),
    }
}

/// Every call of the services in a descriptor set.
fn calls(descriptors: &[u8]) -> Vec<(String, String)> {
    let set = FileDescriptorSet::decode(descriptors).unwrap();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(move |s| (file.package(), s)));
    services
        .flat_map(|(package, service)| {
            service.method.iter().map(move |m| (format!("{package}.{}", service.name()), m.name().to_owned()))
        })
        .collect()
}

/// Sends one empty message, and answers how it ended; a stream that has begun counts as well.
async fn call(channel: &Channel, service: &str, method: &str, authorization: Option<&str>) -> Code {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(());
    if let Some(value) = authorization {
        request.metadata_mut().insert("authorization", value.parse().unwrap());
    }
    let path = format!("/{service}/{method}").parse().unwrap();
    let answer = client.server_streaming(request, path, ProstCodec::<(), ()>::default()).await;
    match answer {
        Ok(mut stream) => stream.get_mut().message().await.err().map_or(Code::Ok, |status| status.code()),
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn every_call_refuses_whoever_lacks_its_credential() {
    let stage = Stage::new().await;
    let replica = stage.replica().await;
    let channel = channel(replica.address).await;
    let calls: Vec<_> = [
        shared::proto::PUSH_DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]
    .into_iter()
    .flat_map(calls)
    .collect();
    let known: BTreeSet<String> = calls.iter().map(|(service, _)| service.clone()).collect();
    let unknown: Vec<_> = listed(channel.clone()).await.difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "served, but not walked here: {unknown:?}");
    assert!(calls.len() >= 6, "{calls:?}");

    for (service, method) in calls {
        let admitted = group(&service);
        for token in ["", "wrong", GATEWAY_TOKEN, WORKER_TOKEN] {
            let authorization = (!token.is_empty()).then(|| format!("Bearer {token}"));
            let code = call(&channel, &service, &method, authorization.as_deref()).await;
            let expected = match token {
                _ if admitted.contains(&token) => None,
                GATEWAY_TOKEN | WORKER_TOKEN => Some(Code::PermissionDenied),
                _ => Some(Code::Unauthenticated),
            };
            assert_ne!(code, Code::Unimplemented, "{service}/{method} is not served");
            let refused = matches!(code, Code::Unauthenticated | Code::PermissionDenied).then_some(code);
            assert_eq!(refused, expected, "{service}/{method} with {token:?}: {code:?}");
        }
        if !admitted.contains(&"") {
            for other in [format!("Basic {GATEWAY_TOKEN}"), GATEWAY_TOKEN.to_owned(), "Bearer ".to_owned()] {
                let code = call(&channel, &service, &method, Some(&other)).await;
                assert_eq!(code, Code::Unauthenticated, "{service}/{method} with {other:?}");
            }
        }
    }
}

#[tokio::test]
async fn health_is_told_of_the_soft_stop() {
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let stage = Stage::new().await;
    let replica = stage.replica().await;
    let mut health = HealthClient::new(channel(replica.address).await);
    let mut watch = health.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    let mut seen = Vec::new();
    let mut stopping = false;
    // The watch is a stream of this connection: it sees each change, and the last before the end.
    while let Ok(Some(answer)) = tokio::time::timeout(super::PATIENCE, watch.message()).await.expect("in time") {
        seen.push(answer.status());
        if answer.status() == ServingStatus::Serving && !std::mem::replace(&mut stopping, true) {
            replica.begin_stop();
        }
        if stopping && answer.status() == ServingStatus::NotServing {
            break;
        }
    }
    assert_eq!(seen.last(), Some(&ServingStatus::NotServing), "{seen:?}");
}
