//! Where a container is reached: on the engines' network alone, whichever way it is called.

use std::collections::HashMap;

use bollard::models::EndpointSettings;
use shared::ids::GameId;

use crate::config::{Addressing, DockerConfig};
use crate::driver::{ENGINE_PORT, container_name};

/// Base URL of a container that runs; `None` where it has no address on the engines' network: under its name nobody would find it either.
pub(super) fn endpoint(
    config: &DockerConfig,
    game_id: GameId,
    networks: Option<&HashMap<String, EndpointSettings>>,
) -> Option<String> {
    let its = networks?.get(&config.network)?;
    let some = |address: &Option<String>| address.clone().filter(|address| !address.is_empty());
    let address = some(&its.ip_address);
    let host = match config.addressing {
        Addressing::Dns => {
            address.or_else(|| some(&its.global_ipv6_address))?;
            container_name(game_id)
        }
        Addressing::Ip => address?,
    };
    Some(format!("http://{host}:{ENGINE_PORT}"))
}

#[cfg(test)]
mod tests {
    use shared::config::{Group as _, Reader};

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_container_is_reached_on_the_engines_network_or_not_at_all() {
        let game_id = GameId::new();
        let mut config = Config::read(&mut Reader::describe("runtime-controller")).docker;
        config.network = "engines".to_owned();
        let at =
            |address: &str| EndpointSettings { ip_address: Some(address.to_owned()), ..EndpointSettings::default() };
        let six = EndpointSettings { global_ipv6_address: Some("fd00::2".to_owned()), ..EndpointSettings::default() };
        let networks = |name: &str, its: EndpointSettings| HashMap::from([(name.to_owned(), its)]);
        let named = format!("http://galaxy-game-{game_id}:8080");
        for (its, by_address, by_name) in [
            (Some(networks("engines", at("10.0.0.2"))), Some("http://10.0.0.2:8080"), Some(named.as_str())),
            (Some(networks("engines", six)), None, Some(named.as_str())),
            // Disconnected by hand, or connected elsewhere.
            (Some(networks("engines", at(""))), None, None),
            (Some(networks("bridge", at("172.17.0.2"))), None, None),
            (Some(HashMap::new()), None, None),
            (None, None, None),
        ] {
            config.addressing = Addressing::Ip;
            assert_eq!(endpoint(&config, game_id, its.as_ref()).as_deref(), by_address, "{its:?}");
            config.addressing = Addressing::Dns;
            assert_eq!(endpoint(&config, game_id, its.as_ref()).as_deref(), by_name, "{its:?}");
        }
    }
}
