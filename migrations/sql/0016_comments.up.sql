-- What every table and every column means that had no comment yet: meaning, unit, who sets it, what null says. Nothing but
-- comments: whoever runs on the schema notices nothing. A test keeps it so for later migrations.

COMMENT ON COLUMN schema_versions.version IS 'The migration''s number.';
COMMENT ON COLUMN schema_versions.applied_at IS 'When this database got it.';

COMMENT ON COLUMN workers.worker_id IS 'One registration of a process: a lost lease is never revived, the process registers again under a new id.';
COMMENT ON COLUMN workers.process IS 'The binary: mail-worker, notify-worker or runtime-controller.';
COMMENT ON COLUMN workers.instance IS 'Binary, host, pid and a random part, for people: mail-worker@host:4711-9f3c2a1b.';
COMMENT ON COLUMN workers.started_at IS 'When this registration began.';
COMMENT ON COLUMN workers.beat_at IS 'Last renewal, for people: what counts is expires_at.';

COMMENT ON COLUMN queues.name IS 'As in shared::db::queues, in the labels of the metrics and in the administrators'' calls.';
COMMENT ON COLUMN queues.paused IS 'Set by an administrator; every claim asks for it.';
COMMENT ON COLUMN queues.updated_at IS 'When paused was last changed.';

COMMENT ON COLUMN push_events.user_id IS 'The account whose clients or sessions it is about; text, as in the contract.';
COMMENT ON COLUMN push_events.kind IS 'Of a client event: the notification''s kind; empty for an invalidation.';
COMMENT ON COLUMN push_events.payload IS 'Of a client event: the bytes as published, 64 KiB at most; empty for an invalidation.';
COMMENT ON COLUMN push_events.encoding IS 'How payload is to be read: flatbuffers, or json for a kind without a table; empty for an invalidation.';
COMMENT ON COLUMN push_events.request_id IS 'Of a client event: the notification''s idempotency key; empty for an invalidation.';
COMMENT ON COLUMN push_events.trace_id IS 'Of a client event: the trace of the request that caused it, 32 hexadecimal digits; empty: none.';
COMMENT ON COLUMN push_events.reason IS 'Of an invalidation: the sessions'' revoke_reason; empty for a client event.';

COMMENT ON COLUMN push_event_ids.event_id IS 'The producer''s id of a client event, as in push_events.';
COMMENT ON COLUMN push_event_ids.ev_id IS 'ev_id of the event: with xid it tells the cursor again when a Publish is repeated.';
COMMENT ON COLUMN push_event_ids.xid IS 'The top-level transaction that inserted both the id and the event.';
COMMENT ON COLUMN push_event_ids.at IS 'When it was inserted. Forgotten after seven days; the same id is a new event then.';

COMMENT ON COLUMN push_epochs.epoch IS 'Above all that are stored or remembered, and at least the number of six-hour periods since 2026-01-01: no cursor is used twice, even after a restore.';
COMMENT ON COLUMN push_epochs.opened_at IS 'When a replica opened it.';

COMMENT ON COLUMN push_ticks.epoch IS 'The epoch that its numbers belong to. Ticks of earlier epochs are removed.';
COMMENT ON COLUMN push_ticks.tick_id IS 'Without holes within the epoch: of several replicas that write the next one, the primary key lets one win.';
COMMENT ON COLUMN push_ticks.base_seq IS 'Number of its first event, the last fifteen digits of that event''s cursor.';
COMMENT ON COLUMN push_ticks.n IS 'How many numbers it takes: one for each of its events; 1 for the genesis.';
COMMENT ON COLUMN push_ticks.snap IS 'pg_current_snapshot() of the statement that counted its events. The genesis takes over the last one of the epoch before, if that was of the same database.';

COMMENT ON COLUMN push_subscribers.gateway_client_id IS 'The gateway''s own stable name, 1 to 128 visible ASCII characters.';
COMMENT ON COLUMN push_subscribers.stream_id IS 'Made anew by the replica for each subscription.';
COMMENT ON COLUMN push_subscribers.connected_at IS 'When that stream subscribed. The row is forgotten seven days later, which ends no stream.';

COMMENT ON TABLE accounts IS 'One row per user, deleted ones too: their ids go on to stand in other tables (SPEC §6, docs/accounts.md).';
COMMENT ON COLUMN accounts.user_id IS 'UUIDv7, made at registration; what X-User-ID names.';
COMMENT ON COLUMN accounts.display_name IS 'Free name, chosen by the user or given by the gateway at provisioning; null: none, or deleted.';
COMMENT ON COLUMN accounts.created_at IS 'Registration: the first confirmed code, or provisioning.';
COMMENT ON COLUMN accounts.updated_at IS 'Last change of profile, settings or limits, or the deletion.';

COMMENT ON TABLE identities IS 'How an account''s owner is known elsewhere: one or more an account; a deletion frees all of them for others (SPEC §6).';
COMMENT ON COLUMN identities.identity_id IS 'UUIDv7: of several addresses of an account, mail goes to the oldest.';
COMMENT ON COLUMN identities.user_id IS 'The account that owns it.';
COMMENT ON COLUMN identities.kind IS 'email: proven by a mailed code, or provisioned; telegram: an id that the gateway vouches for.';
COMMENT ON COLUMN identities.created_at IS 'When the account got it.';

COMMENT ON COLUMN auth_addresses.address IS 'Normalised e-mail address.';
COMMENT ON COLUMN auth_addresses.day IS 'The UTC day that wrong_tries is of; the next day''s first try starts it anew.';
COMMENT ON COLUMN auth_addresses.wrong_tries IS 'Tries of that day over all challenges of the address: counted before the code is compared, a right one taken back.';

COMMENT ON TABLE auth_challenges IS 'One row per code that was mailed for a sign-in; removed BACKEND_RETENTION_CHALLENGES after expires_at.';
COMMENT ON COLUMN auth_challenges.challenge_id IS 'UUIDv7, answered to the client; also the mail''s idempotency key.';
COMMENT ON COLUMN auth_challenges.address IS 'The normalised address that the code went to.';
COMMENT ON COLUMN auth_challenges.salt IS '16 random bytes of this row, hashed together with the code.';
COMMENT ON COLUMN auth_challenges.preferred_language IS 'BCP 47 tag for an account that the code makes; null: the client named none, the account gets en.';
COMMENT ON COLUMN auth_challenges.created_at IS 'When the code was asked for: the throttle''s window counts from it.';
COMMENT ON COLUMN auth_challenges.expires_at IS 'From then on no try is taken; BACKEND_AUTH_CHALLENGE_TTL after created_at.';
COMMENT ON COLUMN auth_challenges.consumed_at IS 'When a right code used it up, a blocked account''s too; null: unused.';

COMMENT ON TABLE device_sessions IS 'One row per session of a device. Sessions have no expiry: they are revoked, and their rows stay (SPEC §6).';
COMMENT ON COLUMN device_sessions.device_session_id IS 'UUIDv7: the gateway asks by it, push events name it.';
COMMENT ON COLUMN device_sessions.user_id IS 'Whose session it is.';
COMMENT ON COLUMN device_sessions.status IS 'active, or revoked for good.';
COMMENT ON COLUMN device_sessions.created_at IS 'When it was opened.';
COMMENT ON COLUMN device_sessions.revoked_at IS 'When it was revoked, in one transaction with the push invalidation; null: active.';
COMMENT ON COLUMN device_sessions.revoke_reason IS 'Who or what revoked it: user, gateway, administrator, permanent_block or account_deleted; null: active.';

COMMENT ON COLUMN entitlements.entitlement_id IS 'UUIDv7: the history''s order.';
COMMENT ON COLUMN entitlements.user_id IS 'To whom it was granted.';
COMMENT ON COLUMN entitlements.plan IS 'free, monthly, yearly or permanent; shared::domain::plan says which limits come with it.';
COMMENT ON COLUMN entitlements.reason IS 'Why, in the administrator''s words; null: erased with the account.';
COMMENT ON COLUMN entitlements.starts_at IS 'From when it counts: the moment of the grant.';
COMMENT ON COLUMN entitlements.ends_at IS 'From then on the plan reads as free; null: it has no end.';
COMMENT ON COLUMN entitlements.created_at IS 'When it was granted.';
COMMENT ON COLUMN entitlements.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3), admin:<name>; null: there was no key.';
COMMENT ON COLUMN entitlements.idempotency_key IS 'The Idempotency-Key as it was sent; null: there was none.';
COMMENT ON COLUMN entitlements.idempotency_hash IS 'SHA-256 over the operation and the body that made the row: the same key for anything else is refused. Null: there was no key.';

COMMENT ON COLUMN sanctions.sanction_id IS 'UUIDv7: the history''s order.';
COMMENT ON COLUMN sanctions.user_id IS 'On whom it was set.';
COMMENT ON COLUMN sanctions.kind IS 'What it refuses; the table is in docs/accounts.md.';
COMMENT ON COLUMN sanctions.reason IS 'Why, in the administrator''s words; empty: erased with the account.';
COMMENT ON COLUMN sanctions.actor IS 'The administrator who set it, by admin_accounts.user_name.';
COMMENT ON COLUMN sanctions.starts_at IS 'From when it is in force: the moment it was set.';
COMMENT ON COLUMN sanctions.ends_at IS 'Until when it is in force; null: until it is lifted.';
COMMENT ON COLUMN sanctions.lifted_at IS 'When an administrator lifted it, once; null: not lifted.';
COMMENT ON COLUMN sanctions.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3), admin:<name>; null: there was no key.';
COMMENT ON COLUMN sanctions.idempotency_key IS 'The Idempotency-Key as it was sent; null: there was none.';
COMMENT ON COLUMN sanctions.idempotency_hash IS 'SHA-256 over the operation and the body that made the row: the same key for anything else is refused. Null: there was no key.';

COMMENT ON TABLE mail_deliveries IS 'The outbox (SPEC §11), a queue: one row per mail, written in the transaction that causes it, removed BACKEND_RETENTION_MAIL after its end.';
COMMENT ON COLUMN mail_deliveries.delivery_id IS 'UUIDv7; the Message-ID of every copy is made of it.';
COMMENT ON COLUMN mail_deliveries.template_id IS 'What it was rendered from: auth.login_code, or the notification''s kind.';
COMMENT ON COLUMN mail_deliveries.idempotency_key IS 'The producer''s key, the challenge''s or the route''s id: a second mail of this template and key is not written.';
COMMENT ON COLUMN mail_deliveries.status IS 'pending, retrying: due at next_attempt_at; sending: a worker has it; sent, dead_lettered, quarantined, expired: over (docs/mail.md).';
COMMENT ON COLUMN mail_deliveries.priority IS 'The lowest goes first. 0: login codes; 1: news for one or a few; 2: broadcasts.';
COMMENT ON COLUMN mail_deliveries.next_attempt_at IS 'When it is due; a claim leaves it, a retry moves it.';
COMMENT ON COLUMN mail_deliveries.crashes IS 'Workers that died while they had the row alone; the third quarantines it, a good end clears it.';
COMMENT ON COLUMN mail_deliveries.worker_id IS 'The registration in workers that has the row; null: nobody has it.';
COMMENT ON COLUMN mail_deliveries.deadline_at IS 'When the row is taken from its worker though he lives; null: nobody has it.';
COMMENT ON COLUMN mail_deliveries.last_error IS 'What went wrong last, for people; no address, code, token or key in it. Null: nothing yet.';
COMMENT ON COLUMN mail_deliveries.request_id IS 'X-Request-ID of the request that caused the row; null: no request did.';
COMMENT ON COLUMN mail_deliveries.traceparent IS 'W3C trace context of the request that caused the row; its trace goes on in the worker. Null: none.';
COMMENT ON COLUMN mail_deliveries.created_at IS 'When it was enqueued; the Date of every copy.';
COMMENT ON COLUMN mail_deliveries.finished_at IS 'When it came to a terminal state: removal goes by it. Null: not over.';
COMMENT ON COLUMN mail_deliveries.sent_at IS 'When it became sent: everybody decided, somebody accepted. Null: not sent.';

COMMENT ON TABLE mail_recipients IS 'One row per address of a mail, with what the relay said about it.';
COMMENT ON COLUMN mail_recipients.delivery_id IS 'The mail; the row goes with it.';
COMMENT ON COLUMN mail_recipients.address IS 'As enqueued: an account''s is normalised, the administrators'' is as configured.';
COMMENT ON COLUMN mail_recipients.smtp_code IS 'The relay''s last reply code about this recipient; null: it gave none.';
COMMENT ON COLUMN mail_recipients.detail IS 'The words to it, addresses masked; null: nothing was said about this recipient.';

COMMENT ON TABLE mail_payloads IS 'What a mail says, rendered when it was enqueued: a template''s change never alters a mail that was promised.';
COMMENT ON COLUMN mail_payloads.delivery_id IS 'The mail; the row goes with it.';
COMMENT ON COLUMN mail_payloads.subject IS 'Not encoded for the header yet; null: wiped.';
COMMENT ON COLUMN mail_payloads.body_text IS 'The plain text part; null: wiped.';
COMMENT ON COLUMN mail_payloads.body_html IS 'The HTML part; null: wiped.';
COMMENT ON COLUMN mail_payloads.wiped_at IS 'When a sensitive payload was wiped, with the end of its mail: it cannot be sent again. Null: it is there.';

COMMENT ON COLUMN mail_attempts.delivery_id IS 'The mail; the row goes with it.';
COMMENT ON COLUMN mail_attempts.attempt_no IS 'The delivery''s attempt_no of that try. Numbers are missing where nothing was tried, or a worker died before DATA.';
COMMENT ON COLUMN mail_attempts.started_at IS 'When it began; where nobody saw its end, when DATA began.';
COMMENT ON COLUMN mail_attempts.finished_at IS 'When its outcome was written; null: nobody saw its end.';
COMMENT ON COLUMN mail_attempts.outcome IS 'sent: all decided, somebody accepted; retry: somebody is undecided; permanent: all who were asked refused; unknown: lost after DATA had begun.';
COMMENT ON COLUMN mail_attempts.smtp_code IS 'The relay''s last reply code; null: it gave none.';
COMMENT ON COLUMN mail_attempts.detail IS 'What happened, for people, addresses masked.';

COMMENT ON TABLE mail_dead_letters IS 'Mails that are dead_lettered or quarantined; a resend removes the row.';
COMMENT ON COLUMN mail_dead_letters.delivery_id IS 'The mail; the row goes with it.';
COMMENT ON COLUMN mail_dead_letters.failed_at IS 'When it died.';
COMMENT ON COLUMN mail_dead_letters.attempt_no IS 'The attempt that was its last.';
COMMENT ON COLUMN mail_dead_letters.last_error IS 'What it died of, for people.';

COMMENT ON TABLE engine_versions IS 'Which engine images may play (SPEC §8), registered by administrators.';
COMMENT ON COLUMN engine_versions.enabled IS 'False: no game may choose it or start with it; running ones stay.';
COMMENT ON COLUMN engine_versions.created_at IS 'When it was registered.';
COMMENT ON COLUMN engine_versions.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3), admin:<name>; null: there was no key.';
COMMENT ON COLUMN engine_versions.idempotency_key IS 'The Idempotency-Key as it was sent; null: there was none.';

COMMENT ON TABLE games IS 'One row per game, from the draft on for good. Its row lock orders everything that changes the game or who is in it (docs/lobby.md).';
COMMENT ON COLUMN games.game_id IS 'UUIDv7; also in the container''s name, galaxy-game-<game_id>.';
COMMENT ON COLUMN games.name IS 'As shown, chosen by whoever runs the game.';
COMMENT ON COLUMN games.description IS 'Free text beside the name; empty: none.';
COMMENT ON COLUMN games.visibility IS 'public: seen by all once it is no draft, entered by application; private: seen by owner, members and invited, entered by invite.';
COMMENT ON COLUMN games.status IS 'State of SPEC §7; moved under the row''s lock, by people, the sweeper or the runtime.';
COMMENT ON COLUMN games.owner_user_id IS 'The user who runs it; null: a public game that administrators alone run.';
COMMENT ON COLUMN games.min_players IS 'Fewest active members to close enrolment and to start with; force-start does not ask.';
COMMENT ON COLUMN games.max_players IS 'Most active members.';
COMMENT ON COLUMN games.enrollment_ends_at IS 'From then on nobody is let in: the sweeper closes enrolment if there are min_players, else it waits for the date to be moved.';
COMMENT ON COLUMN games.target_engine_version IS 'The version that the next start takes; a patch that went well changes it.';
COMMENT ON COLUMN games.current_turn IS 'The open turn, as last recorded from the engine; 0 until the first is generated. Never falls.';
COMMENT ON COLUMN games.pause_reason IS 'manual, engine_unreachable, generation_failed, or stopped: the container is gone, only a start brings it back. Null: not paused.';
COMMENT ON COLUMN games.winners IS 'Race names of the winners, as the engine gave them at the end; empty until finished.';
COMMENT ON COLUMN games.created_at IS 'When the draft was made.';
COMMENT ON COLUMN games.updated_at IS 'Last change of the game by anybody; taking a notification number is none.';
COMMENT ON COLUMN games.started_at IS 'First start that succeeded; null: it never ran.';
COMMENT ON COLUMN games.finished_at IS 'When the engine''s word that it is over was recorded; null: it is not, or it was cancelled.';
COMMENT ON COLUMN games.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3): a user''s id or admin:<name>; null: there was no key, or the user is deleted.';
COMMENT ON COLUMN games.idempotency_key IS 'The Idempotency-Key as it was sent; null: there was none, or the user is deleted.';
COMMENT ON COLUMN games.idempotency_hash IS 'SHA-256 over the operation and the body that made the row: the same key for anything else is refused. Null: as idempotency_key.';

COMMENT ON COLUMN race_names.race_name_id IS 'UUIDv7: lists go by it, newest first.';
COMMENT ON COLUMN race_names.race_name IS 'As its holder wrote it when it was reserved: that spelling stays.';
COMMENT ON COLUMN race_names.user_id IS 'The holder; of a released one, who held it.';
COMMENT ON COLUMN race_names.status IS 'reserved: for one game; pending_registration: the game is over, the race survived; registered: for good; released: free for everybody.';
COMMENT ON COLUMN race_names.game_id IS 'The game that it is reserved for, or comes from. Null is for names that come from none; nothing makes such ones yet.';
COMMENT ON COLUMN race_names.expires_at IS 'Of a pending_registration: when it lapses, BACKEND_LOBBY_PENDING_REGISTRATION_TTL after the game''s end. Null in every other state.';
COMMENT ON COLUMN race_names.created_at IS 'When it was reserved.';
COMMENT ON COLUMN race_names.updated_at IS 'Last change of status.';

COMMENT ON TABLE applications IS 'Who wants into a public game, and what became of it (SPEC §7).';
COMMENT ON COLUMN applications.application_id IS 'UUIDv7: lists go by it, newest first.';
COMMENT ON COLUMN applications.game_id IS 'The public game.';
COMMENT ON COLUMN applications.user_id IS 'Who applies.';
COMMENT ON COLUMN applications.race_name IS 'The wanted race name, as shown; only the approval reserves it.';
COMMENT ON COLUMN applications.canonical_key IS 'The wanted name''s key, as race_names.canonical_key.';
COMMENT ON COLUMN applications.status IS 'submitted until it is approved, rejected (a block rejects too), withdrawn by the applicant or his departure, or closed with the enrolment.';
COMMENT ON COLUMN applications.created_at IS 'When it was submitted.';
COMMENT ON COLUMN applications.decided_at IS 'When it ended, in whichever way; null: submitted.';
COMMENT ON COLUMN applications.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3), a user''s id; null: there was no key, or the user is deleted.';
COMMENT ON COLUMN applications.idempotency_key IS 'The Idempotency-Key as it was sent; null: there was none, or the user is deleted.';
COMMENT ON COLUMN applications.idempotency_hash IS 'SHA-256 over the operation and the body that made the row: the same key for anything else is refused. Null: as idempotency_key.';

COMMENT ON TABLE invites IS 'Ways into a private game: for one user, or by a shareable code (SPEC §7).';
COMMENT ON COLUMN invites.invite_id IS 'UUIDv7: lists go by it, newest first.';
COMMENT ON COLUMN invites.game_id IS 'The private game.';
COMMENT ON COLUMN invites.inviter_user_id IS 'The owner who made it.';
COMMENT ON COLUMN invites.invited_user_id IS 'The only one who may redeem it; null: whoever has the code.';
COMMENT ON COLUMN invites.max_uses IS 'How often the code may be redeemed; null for an invite to one user, which is redeemed once.';
COMMENT ON COLUMN invites.uses IS 'Redemptions so far; one that is refused does not count.';
COMMENT ON COLUMN invites.status IS 'open until its last use (redeemed), or declined, revoked, expired, closed with the enrolment or the invited user''s departure. Past expires_at an open one counts as expired already.';
COMMENT ON COLUMN invites.created_at IS 'When it was made.';
COMMENT ON COLUMN invites.expires_at IS 'Until when it may be redeemed: as asked for, else BACKEND_LOBBY_INVITE_DEFAULT_TTL after it was made.';
COMMENT ON COLUMN invites.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3), a user''s id; null: there was no key, or the user is deleted.';
COMMENT ON COLUMN invites.idempotency_key IS 'The Idempotency-Key as it was sent; null: there was none, or the user is deleted.';
COMMENT ON COLUMN invites.idempotency_hash IS 'SHA-256 over the operation and the body that made the row: the same key for anything else is refused. Null: as idempotency_key.';

COMMENT ON TABLE memberships IS 'Who plays in a game, and as which race (SPEC §7). Ended ones stay; who comes back gets a new row.';
COMMENT ON COLUMN memberships.membership_id IS 'UUIDv7: lists go by it, newest first; the engine gets its races by it, oldest first.';
COMMENT ON COLUMN memberships.game_id IS 'The game that he plays in.';
COMMENT ON COLUMN memberships.user_id IS 'The player.';
COMMENT ON COLUMN memberships.race_name IS 'His race, as shown; the engine knows it by this name.';
COMMENT ON COLUMN memberships.canonical_key IS 'The name''s key, as race_names.canonical_key; unique among the game''s active members.';
COMMENT ON COLUMN memberships.status IS 'active; left: by himself or his deletion; removed: by others, may come back; blocked: may not.';
COMMENT ON COLUMN memberships.joined_at IS 'When he was let in, by approval or redemption.';
COMMENT ON COLUMN memberships.ended_at IS 'When he ceased to be a member; null: active. A later block leaves it.';

COMMENT ON TABLE notifications IS 'One row per thing that happened, however many are told: written in its producer''s transaction, a queue until it is expanded into routes (docs/notifications.md).';
COMMENT ON COLUMN notifications.notification_id IS 'UUIDv7: lists go by it, newest first.';
COMMENT ON COLUMN notifications.kind IS 'A word of the catalogue in SPEC §13: it decides about channels and payload.';
COMMENT ON COLUMN notifications.idempotency_key IS 'The producer''s key: written once within its kind, however often it is produced. Also the request_id of its push events.';
COMMENT ON COLUMN notifications.user_ids IS 'Recipients where audience is users, else empty. A deletion takes its user out; with nobody in it the routes are skipped.';
COMMENT ON COLUMN notifications.game_id IS 'The game that it is about; null: none.';
COMMENT ON COLUMN notifications.payload IS 'What it says: an object with the fields of its kind.';
COMMENT ON COLUMN notifications.status IS 'pending, retrying: due at next_attempt_at; expanding: a worker has it; expanded: all routes are there; dead_lettered, quarantined: some may be missing.';
COMMENT ON COLUMN notifications.priority IS 'The lowest goes first. 0: all but broadcasts; 1: broadcasts.';
COMMENT ON COLUMN notifications.next_attempt_at IS 'When it is due; a claim leaves it, a retry moves it.';
COMMENT ON COLUMN notifications.token IS 'Fencing token: raised by every claim, finish, release and rescue; what comes with an older one changes nothing (SPEC §10.2).';
COMMENT ON COLUMN notifications.attempt_no IS 'Number of the last attempt, each chunk of a broadcast being one; falls only for a row that was given back unworked.';
COMMENT ON COLUMN notifications.failures IS 'Failed tries that count against the attempt budget; 0 again after a chunk.';
COMMENT ON COLUMN notifications.crashes IS 'Workers that died while they had the row alone; the third quarantines it, a good end clears it.';
COMMENT ON COLUMN notifications.suspect IS 'A worker died while it had this row, or the row brought down a whole batch: it is worked alone from now on.';
COMMENT ON COLUMN notifications.worker_id IS 'The registration in workers that has the row; null: nobody has it.';
COMMENT ON COLUMN notifications.deadline_at IS 'When the row is taken from its worker though he lives; null: nobody has it.';
COMMENT ON COLUMN notifications.last_error IS 'What went wrong last, for people; no address, code, token or key in it. Null: nothing yet.';
COMMENT ON COLUMN notifications.request_id IS 'X-Request-ID of the request that caused the row; null: no request did.';
COMMENT ON COLUMN notifications.traceparent IS 'W3C trace context of the request that caused the row; its trace goes on in the worker. Null: none.';
COMMENT ON COLUMN notifications.created_at IS 'When it was produced; a broadcast reaches the accounts that were there then.';
COMMENT ON COLUMN notifications.finished_at IS 'When it came to a terminal state: removal goes by it, once its routes are gone. Null: not over.';

COMMENT ON TABLE notification_routes IS 'A notification''s way to one recipient over one channel, a queue: made by the expansion, dispatched to the hub or into the outbox.';
COMMENT ON COLUMN notification_routes.notification_id IS 'What it tells.';
COMMENT ON COLUMN notification_routes.channel IS 'push: PushHub.Publish; email: a mail to the account''s address; admin_email: one to BACKEND_NOTIFICATION_ADMIN_EMAIL.';
COMMENT ON COLUMN notification_routes.user_id IS 'The recipient; null: the administrators, or nobody (an owner where there is none: skipped).';
COMMENT ON COLUMN notification_routes.game_id IS 'The notification''s game; null: none.';
COMMENT ON COLUMN notification_routes.status IS 'pending, retrying: due at next_attempt_at; dispatching: a worker has it; delivered, dead_lettered, quarantined: over; skipped: there was nobody to tell.';
COMMENT ON COLUMN notification_routes.priority IS 'The lowest goes first. 0: all but broadcasts; 1: broadcasts.';
COMMENT ON COLUMN notification_routes.next_attempt_at IS 'When it is due; a claim leaves it, a retry moves it.';
COMMENT ON COLUMN notification_routes.token IS 'Fencing token: raised by every claim, finish, release and rescue; what comes with an older one changes nothing (SPEC §10.2).';
COMMENT ON COLUMN notification_routes.attempt_no IS 'Number of the last attempt; falls only for a row that was given back unworked.';
COMMENT ON COLUMN notification_routes.failures IS 'Failed tries that count against the attempt budget; a hub that is away costs none.';
COMMENT ON COLUMN notification_routes.crashes IS 'Workers that died while they had the row alone; the third quarantines it, a good end clears it.';
COMMENT ON COLUMN notification_routes.suspect IS 'A worker died while it had this row, or the row brought down a whole batch: it is worked alone from now on.';
COMMENT ON COLUMN notification_routes.worker_id IS 'The registration in workers that has the row; null: nobody has it.';
COMMENT ON COLUMN notification_routes.deadline_at IS 'When the row is taken from its worker though he lives; null: nobody has it.';
COMMENT ON COLUMN notification_routes.last_error IS 'What went wrong last, or why it was skipped, for people; no address, code, token or key in it. Null: nothing yet.';
COMMENT ON COLUMN notification_routes.request_id IS 'X-Request-ID of the request that caused the notification; null: no request did.';
COMMENT ON COLUMN notification_routes.traceparent IS 'W3C trace context of the request that caused the notification; its trace goes on in the worker. Null: none.';
COMMENT ON COLUMN notification_routes.created_at IS 'When the expansion made it.';
COMMENT ON COLUMN notification_routes.finished_at IS 'When it came to a terminal state: removal goes by it. Null: not over.';

COMMENT ON TABLE runtime_records IS 'One row per game that was ever started: what engine it has, where, and in which state (SPEC §8).';
COMMENT ON COLUMN runtime_records.game_id IS 'The game whose engine it is.';
COMMENT ON COLUMN runtime_records.status IS 'State of SPEC §8; RuntimeStatus::may_become says from which to which. Written by the controller, by the API only on resume.';
COMMENT ON COLUMN runtime_records.driver IS 'docker, or process: a child process without isolation, for a machine without Docker.';
COMMENT ON COLUMN runtime_records.engine_version IS 'Version label that was started; the former one until its replacement answers.';
COMMENT ON COLUMN runtime_records.image IS 'Image reference, or path of a binary, that was started; the former one until its replacement answers.';
COMMENT ON COLUMN runtime_records.image_digest IS 'Content digest of that image; null: not pulled yet, or the driver knows none.';
COMMENT ON COLUMN runtime_records.container_id IS 'The driver''s own id of the container; null: there is none.';
COMMENT ON COLUMN runtime_records.current_turn IS 'The open turn, as last recorded from the engine. Never falls.';
COMMENT ON COLUMN runtime_records.health IS 'What was last seen of the engine: unknown, healthy or unhealthy.';
COMMENT ON COLUMN runtime_records.created_at IS 'When the game was first started, whether or not that succeeded.';
COMMENT ON COLUMN runtime_records.updated_at IS 'Last change of the record.';

COMMENT ON TABLE runtime_jobs IS 'What is to be done to a game''s runtime, a queue: written in the transaction that changes the game, at most one active per game (SPEC §8).';
COMMENT ON COLUMN runtime_jobs.job_id IS 'UUIDv7: a game''s greatest is its newest job.';
COMMENT ON COLUMN runtime_jobs.game_id IS 'The game whose runtime it changes.';
COMMENT ON COLUMN runtime_jobs.kind IS 'What to do; restart: another container on the same state; patch: one of a higher patch release; banish: one race; force_next_turn: a turn now.';
COMMENT ON COLUMN runtime_jobs.status IS 'pending, retrying: due at next_attempt_at; running: a controller has it; succeeded, failed, quarantined: over.';
COMMENT ON COLUMN runtime_jobs.priority IS 'Always 0: this queue has one priority.';
COMMENT ON COLUMN runtime_jobs.next_attempt_at IS 'When it is due; a claim leaves it, a retry moves it.';
COMMENT ON COLUMN runtime_jobs.token IS 'Fencing token: raised by every claim, finish, release and rescue; what comes with an older one changes nothing (SPEC §10.2).';
COMMENT ON COLUMN runtime_jobs.attempt_no IS 'Number of the last attempt; falls only for a row that was given back unworked.';
COMMENT ON COLUMN runtime_jobs.failures IS 'Failed tries that count against the attempt budget; a daemon that does not answer costs none.';
COMMENT ON COLUMN runtime_jobs.crashes IS 'Controllers that died while they had the row alone; the third quarantines it, a good end clears it.';
COMMENT ON COLUMN runtime_jobs.suspect IS 'A controller died while it had this row: it is worked alone from now on.';
COMMENT ON COLUMN runtime_jobs.worker_id IS 'The registration in workers that has the row; null: nobody has it.';
COMMENT ON COLUMN runtime_jobs.deadline_at IS 'When the row is taken from its worker though he lives; null: nobody has it.';
COMMENT ON COLUMN runtime_jobs.last_error IS 'What went wrong last, for people; no address, code, token or key in it. Null: nothing yet.';
COMMENT ON COLUMN runtime_jobs.request_id IS 'X-Request-ID of the request that caused the row; null: no request did.';
COMMENT ON COLUMN runtime_jobs.traceparent IS 'W3C trace context of the request that caused the row; its trace goes on in the worker. Null: none.';
COMMENT ON COLUMN runtime_jobs.created_at IS 'When it was asked for.';
COMMENT ON COLUMN runtime_jobs.finished_at IS 'When it came to a terminal state: removal goes by it. Null: not over.';

COMMENT ON COLUMN runtime_turns.game_id IS 'The game whose turns it times.';
COMMENT ON COLUMN runtime_turns.daemon_id IS 'The daemon that has the game''s engine: only its controllers generate the game''s turns.';
COMMENT ON COLUMN runtime_turns.status IS 'pending, retrying: due at next_attempt_at; generating: a controller has it; idle: at rest; failed, quarantined: given up, the game is paused.';
COMMENT ON COLUMN runtime_turns.priority IS 'Always 0: this queue has one priority.';
COMMENT ON COLUMN runtime_turns.next_attempt_at IS 'When it is due; a claim leaves it, a retry moves it, force-next-turn brings it forward.';
COMMENT ON COLUMN runtime_turns.token IS 'Fencing token: raised by every claim, finish, release and rescue; what comes with an older one changes nothing (SPEC §10.2).';
COMMENT ON COLUMN runtime_turns.attempt_no IS 'Number of the last attempt, growing over all turns of the game; falls only for a row that was given back unworked.';
COMMENT ON COLUMN runtime_turns.failures IS 'Failed tries of this turn that count against the attempt budget; 0 again with the next one.';
COMMENT ON COLUMN runtime_turns.crashes IS 'Controllers that died while they had the row alone; the third quarantines it, a good end clears it.';
COMMENT ON COLUMN runtime_turns.suspect IS 'A controller died while it had this row: it is worked alone from now on.';
COMMENT ON COLUMN runtime_turns.worker_id IS 'The registration in workers that has the row; null: nobody has it.';
COMMENT ON COLUMN runtime_turns.deadline_at IS 'When the row is taken from its worker though he lives; null: nobody has it.';
COMMENT ON COLUMN runtime_turns.last_error IS 'What went wrong last, for people; no address, code, token or key in it. Null: nothing since the timer was set.';
COMMENT ON COLUMN runtime_turns.request_id IS 'Always null: turns go on for months after the request that started the game.';
COMMENT ON COLUMN runtime_turns.traceparent IS 'Always null: each turn has a trace of its own.';
COMMENT ON COLUMN runtime_turns.created_at IS 'When the game''s timer was first set.';
COMMENT ON COLUMN runtime_turns.finished_at IS 'When the timer was given up. Null: it runs or rests. Timers are never removed.';

COMMENT ON COLUMN runtime_operations.operation_id IS 'UUIDv7: the log''s order.';
COMMENT ON COLUMN runtime_operations.game_id IS 'The game whose runtime it was done to.';
COMMENT ON COLUMN runtime_operations.job_id IS 'The job that did it; no foreign key, each is removed by its own age. Null: the turn timer, or the bringing back of an engine.';
COMMENT ON COLUMN runtime_operations.op IS 'A job''s kind, a job''s step, turn, or revive (an engine was brought back).';
COMMENT ON COLUMN runtime_operations.outcome IS 'ok; begun, of a step; else a word for what went wrong.';
COMMENT ON COLUMN runtime_operations.detail IS 'More, for people, 2000 characters at most, no secrets; null: nothing to add.';
COMMENT ON COLUMN runtime_operations.at IS 'When it was recorded: removed BACKEND_RETENTION_OPERATIONS later.';

COMMENT ON COLUMN engine_reports.game_id IS 'The finished game.';
COMMENT ON COLUMN engine_reports.race_name IS 'The race that it is for, as the engine knows it.';
COMMENT ON COLUMN engine_reports.turn IS 'The turn that it is of.';
COMMENT ON COLUMN engine_reports.report IS 'The engine''s answer as it came, which nobody here reads.';

COMMENT ON TABLE admin_accounts IS 'Who may call the administrators'' group, by HTTP Basic; read at every request (SPEC §4, §15).';
COMMENT ON COLUMN admin_accounts.user_name IS 'The name to log in with; what actor says elsewhere.';
COMMENT ON COLUMN admin_accounts.enabled IS 'False: refused from the next request on. The last enabled one cannot be disabled.';
COMMENT ON COLUMN admin_accounts.created_at IS 'When an administrator, or the bootstrap, made it.';
COMMENT ON COLUMN admin_accounts.last_used_at IS 'Last request, written anew after a minute at the earliest; null: never used.';
COMMENT ON COLUMN admin_accounts.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3), admin:<name>; null: there was no key.';
COMMENT ON COLUMN admin_accounts.idempotency_key IS 'The Idempotency-Key as it was sent; null: there was none.';

COMMENT ON COLUMN audit_log.audit_id IS 'UUIDv7: the trail''s order.';
COMMENT ON COLUMN audit_log.at IS 'When it was written, by the database''s clock.';
COMMENT ON COLUMN audit_log.actor IS 'The administrator, by admin_accounts.user_name.';
COMMENT ON COLUMN audit_log.action IS 'What was done, such as game.create or user.sanction.set.';
COMMENT ON COLUMN audit_log.target_type IS 'The noun it was done to, such as game, user or queue.';
COMMENT ON COLUMN audit_log.target_id IS 'Which one, by what the noun is known by: id, name or version.';
COMMENT ON COLUMN audit_log.detail IS 'What else matters, an object. No address, no secret; what is said as reason about a user goes with his deletion.';
COMMENT ON COLUMN audit_log.request_id IS 'X-Request-ID of the request.';
COMMENT ON COLUMN audit_log.ip IS 'The address that the request came from: of the last hop that is no trusted proxy.';

COMMENT ON COLUMN user_countries.count IS 'Requests so far, for people to look at: nothing depends on it.';

-- A partition does not have its parent's comments. None had any; they get the same ones.
DO $$
DECLARE
    part regclass;
    col  record;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'push_events'::regclass LOOP
        EXECUTE format('COMMENT ON TABLE %s IS %L', part, 'A slot of push_events: one hour of every eight, then emptied by TRUNCATE.');
        FOR col IN SELECT attname, col_description(attrelid, attnum) AS comment FROM pg_attribute
                    WHERE attrelid = 'push_events'::regclass AND attnum > 0 AND NOT attisdropped LOOP
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', part, col.attname, col.comment);
        END LOOP;
    END LOOP;
END
$$;

INSERT INTO schema_versions (version, compatible_from) VALUES (16, 1);
