//! Who may call what (SPEC §4): bearer tokens give the role; a client certificate, where asked for, only admits the peer.

use shared::secret::Tokens;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Knows the tokens.
#[derive(Clone)]
pub(super) struct Access {
    gateway: Option<Tokens>,
    worker: Option<Tokens>,
}

/// What a service asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// `Push`.
    Gateway,
    /// `PushHub`.
    Worker,
    /// Reflection.
    AnyToken,
}

impl Access {
    pub(super) fn new(gateway: Option<Tokens>, worker: Option<Tokens>) -> Self {
        Self { gateway, worker }
    }

    /// The check as tonic wants it: it runs before the request's body is read.
    pub(super) fn guard(&self, needs: Needs) -> Guard {
        Guard { access: self.clone(), needs }
    }

    fn check(&self, needs: Needs, metadata: &MetadataMap) -> Result<(), Status> {
        // Of two, one reader takes the first and another one the last.
        if metadata.get_all("authorization").iter().nth(1).is_some() {
            return Err(Status::invalid_argument("the authorization metadata is given more than once"));
        }
        let needed = match needs {
            Needs::Gateway => &self.gateway,
            Needs::Worker => &self.worker,
            Needs::AnyToken if self.gateway.is_none() || self.worker.is_none() => &None,
            Needs::AnyToken => &self.gateway,
        };
        if needed.is_none() {
            return Ok(()); // a trusted network
        }
        let shown = metadata
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Status::unauthenticated("a bearer token is required in the authorization metadata"))?;
        // Both are always compared, so that the time tells nothing about which one it was.
        let holds = |tokens: &Option<Tokens>| tokens.as_ref().is_some_and(|t| t.hold(shown.as_bytes()));
        let (gateway, worker) = (holds(&self.gateway), holds(&self.worker));
        match needs {
            Needs::Gateway if gateway => Ok(()),
            Needs::Worker if worker => Ok(()),
            Needs::AnyToken if gateway || worker => Ok(()),
            _ if gateway || worker => {
                Err(Status::permission_denied("this token does not give the role that the call needs"))
            }
            _ => Err(Status::unauthenticated("the bearer token is not known")),
        }
    }
}

/// See [`Access::guard`].
#[derive(Clone)]
pub(super) struct Guard {
    access: Access,
    needs: Needs,
}

impl Interceptor for Guard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        self.access.check(self.needs, request.metadata())?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use shared::secret::Secret;
    use tonic::Code;

    use super::*;

    fn ask(access: &Access, needs: Needs, authorization: Option<&str>) -> Option<Code> {
        let mut metadata = MetadataMap::new();
        if let Some(value) = authorization {
            metadata.insert("authorization", value.parse().unwrap());
        }
        access.check(needs, &metadata).err().map(|status| status.code())
    }

    #[test]
    fn each_service_takes_its_own_token_only() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let access = Access::new(
            Some(Tokens::new(secret("g"), Some(secret("g-before")))),
            Some(Tokens::new(secret("w"), Some(secret("w-before")))),
        );
        let (none, wrong_role) = (Some(Code::Unauthenticated), Some(Code::PermissionDenied));
        for (needs, by_gateway, by_worker) in
            [(Needs::Gateway, None, wrong_role), (Needs::Worker, wrong_role, None), (Needs::AnyToken, None, None)]
        {
            assert_eq!(ask(&access, needs, Some("Bearer g")), by_gateway);
            assert_eq!(ask(&access, needs, Some("bearer w")), by_worker);
            assert_eq!(ask(&access, needs, Some("Bearer g-before")), by_gateway);
            assert_eq!(ask(&access, needs, Some("Bearer w-before")), by_worker);
            for bad in [None, Some("Bearer x"), Some("Basic g"), Some("g"), Some("Bearer "), Some("")] {
                assert_eq!(ask(&access, needs, bad), none, "{needs:?} {bad:?}");
            }
        }
    }

    #[test]
    fn one_credential_is_shown() {
        let access = Access::new(Some(Secret::new("g".to_owned()).into()), Some(Secret::new("w".to_owned()).into()));
        let mut metadata = MetadataMap::new();
        for token in ["Bearer g", "Bearer w"] {
            metadata.append("authorization", token.parse().unwrap());
        }
        for needs in [Needs::Gateway, Needs::Worker, Needs::AnyToken] {
            assert_eq!(access.check(needs, &metadata).unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn a_trusted_network_needs_no_token() {
        let access = Access::new(None, None);
        for needs in [Needs::Gateway, Needs::Worker, Needs::AnyToken] {
            assert_eq!(ask(&access, needs, None), None);
            assert_eq!(ask(&access, needs, Some("Bearer whatever")), None);
        }
    }
}
