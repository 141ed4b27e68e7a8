"""The generated client calls a live replica: what it sends is taken, and what it gets is read into types of its own.

`api-server/tests/it/generated.rs` generates the client and starts the replica. A status that the document does not have is an
exception (`raise_on_unexpected_status`), and so is an answer that its type cannot read.
"""

import datetime
import importlib
import inspect
import json
import os
import pathlib
import pkgutil
import uuid

import httpx

import galaxy_client.api
from galaxy_client import AuthenticatedClient, Client
from galaxy_client.api.admin import admin_create_game, admin_get_game, admin_get_runtime, admin_open_enrollment_game
from galaxy_client.api.internal import get_session, open_session, provision_identity, resolve_session, revoke_session
from galaxy_client.api.public import confirm_email_code, send_email_code
from galaxy_client.api.user import (
    create_application,
    delete_account,
    get_account,
    get_lobby_game,
    list_lobby_games,
    patch_account,
)
from galaxy_client.models import (
    ConfirmEmailCode,
    NewPublicGame,
    OpenSession,
    PatchAccount,
    ProvisionIdentity,
    IdentityKind,
    ResolveSession,
    SendEmailCode,
    WantedRaceName,
)

URL = os.environ["GALAXY_URL"]


def every_operation_was_generated():
    """The generator leaves out what it cannot read: each operation of the document has a module, and the module loads."""
    document = json.loads(pathlib.Path(os.environ["GALAXY_DOCUMENT"]).read_text())
    wanted = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    found = {}
    for module in pkgutil.walk_packages(galaxy_client.api.__path__, "galaxy_client.api."):
        if not module.ispkg:
            found[module.name.rsplit(".", 1)[1]] = importlib.import_module(module.name)
    assert wanted == found.keys(), wanted ^ found.keys()
    for schema in document["components"]["schemas"]:
        assert hasattr(galaxy_client.models, schema), f"no class for {schema}"
    return found


def lists(modules, clients):
    """Each list that takes no id of anything: its page has the type of the document."""
    seen = 0
    for module in modules.values():
        group = module.__name__.split(".")[-2]
        required = [
            p for p in inspect.signature(module._get_kwargs).parameters.values() if p.default is inspect.Parameter.empty
        ]
        if required or group not in clients or module._get_kwargs()["method"] != "get":
            continue
        answer = module.sync_detailed(client=clients[group])
        assert answer.status_code == 200, (module.__name__, answer)
        # An export is a text.
        assert isinstance(answer.parsed, str) or answer.parsed.to_dict() is not None
        seen += 1
    assert seen >= 15, seen


def main():
    modules = every_operation_was_generated()
    token = os.environ["GALAXY_GATEWAY_TOKEN"]
    public = Client(base_url=URL, raise_on_unexpected_status=True)
    gateway = AuthenticatedClient(base_url=URL, token=token, raise_on_unexpected_status=True)
    credentials = httpx.BasicAuth(os.environ["GALAXY_ADMIN_USER"], os.environ["GALAXY_ADMIN_PASSWORD"])
    admin = Client(base_url=URL, raise_on_unexpected_status=True, httpx_args={"auth": credentials})

    challenge = send_email_code.sync(client=public, body=SendEmailCode(email="python@example.org"))
    wrong = confirm_email_code.sync_detailed(
        client=public, body=ConfirmEmailCode(challenge_id=challenge.challenge_id, code="000000")
    )
    assert (wrong.status_code, wrong.parsed.code.value) in [(400, "code_incorrect"), (422, "code_incorrect")], wrong

    made = provision_identity.sync(
        client=gateway, body=ProvisionIdentity(kind=IdentityKind.TELEGRAM, external_id="7002", display_name="Ada")
    )
    opened = open_session.sync(made.user_id, client=gateway, body=OpenSession())
    session = resolve_session.sync(client=gateway, body=ResolveSession(session_token=opened.session_token))
    assert session.user_id == made.user_id and isinstance(session.created_at, datetime.datetime), session
    assert session.revoked_at is None and get_session.sync(opened.device_session_id, client=gateway) == session
    revoked = revoke_session.sync(opened.device_session_id, client=gateway)
    assert revoked.status.value == "revoked" and revoked.revoked_at is not None, revoked

    user = AuthenticatedClient(
        base_url=URL, token=token, raise_on_unexpected_status=True, headers={"X-User-ID": str(made.user_id)}
    )
    account = get_account.sync(client=user)
    # A component that may be null, and one that may not, both with words beside the reference.
    assert account.entitlement.plan.value == "free" and account.deleted_at is None, account
    assert patch_account.sync(client=user, body=PatchAccount(display_name=None)).display_name is None
    assert patch_account.sync(client=user, body=PatchAccount(display_name="Ada L.")).display_name == "Ada L."

    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    body = NewPublicGame(
        name="Orion",
        min_players=2,
        max_players=4,
        enrollment_ends_at=ends,
        turn_schedule="@every 1h",
        target_engine_version="1.0.0",
    )
    game = admin_create_game.sync_detailed(client=admin, body=body, idempotency_key="python-1")
    assert game.status_code == 201 and game.parsed.owner_user_id is None, game
    again = admin_create_game.sync_detailed(client=admin, body=body, idempotency_key="python-1")
    assert again.parsed == game.parsed, again
    game_id = game.parsed.game_id
    assert admin_open_enrollment_game.sync(game_id, client=admin).status.value == "enrollment_open"
    applied = create_application.sync_detailed(game_id, client=user, body=WantedRaceName(race_name="Lovelace"))
    assert applied.status_code == 201 and applied.parsed.status.value == "submitted", applied
    page = list_lobby_games.sync(client=user, limit=1)
    assert [shown.game_id for shown in page.items] == [game_id], page
    assert get_lobby_game.sync(game_id, client=user).current_turn == 0
    assert admin_get_game.sync(game_id, client=admin).approved_count == 0

    # Problems are types, too: each with the codes of its operation.
    missing = admin_get_runtime.sync_detailed(game_id, client=admin)
    assert missing.status_code == 404 and missing.parsed.code.value == "runtime_not_found", missing
    unknown = get_lobby_game.sync_detailed(uuid.UUID("019cb4db-5900-7297-8ab7-7e702c787b4c"), client=user)
    assert unknown.status_code == 404 and unknown.parsed.code.value == "game_not_found", unknown
    refused = patch_account.sync_detailed(client=user, body=PatchAccount(time_zone="Mars/Olympus"))
    assert refused.status_code in (400, 422) and refused.parsed.errors[0].pointer == "/time_zone", refused
    nobody = get_account.sync_detailed(client=AuthenticatedClient(base_url=URL, token="x" * 40))
    assert nobody.status_code == 401, nobody

    lists(modules, {"admin": admin, "user": user})

    gone = delete_account.sync_detailed(client=user)
    assert gone.status_code == 204 and gone.content == b"", gone
    assert get_account.sync_detailed(client=user).parsed.code.value == "user_unknown"
    print(f"{len(modules)} operations generated, and called")


main()
