//! Expansion: from one notification to a route for each recipient and channel, a chunk of recipients at a time.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::notification::{AudienceKind, BROADCAST_PRIORITY, Channel, Kind, Payload};
use crate::domain::word::UnknownWord;
use crate::ids::RouteId;
use crate::postgres::Error;

/// A notification on its way to become routes.
#[derive(Debug, Clone)]
pub struct Expansion {
    /// The notification's id.
    pub notification_id: Uuid,
    /// What it is about.
    pub kind: Kind,
    /// The channels that lead to its audience.
    pub channels: Vec<Channel>,
    /// Whether its pushes are numbered within its game.
    pub ordered: bool,
    audience: AudienceKind,
    named_users: bool,
    begun: bool,
    game_id: Option<Uuid>,
    game_seq: Option<i64>,
    priority: i16,
    request_id: Option<String>,
    /// The W3C trace context that its routes carry on.
    pub traceparent: Option<String>,
    unmailed: Option<String>,
}

/// What one chunk made of one notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The notification.
    pub notification_id: Uuid,
    /// How many new routes went to each channel, those that were skipped at once included.
    pub routes: Vec<(Channel, u64)>,
    /// Whether the administrators' route was skipped for want of an address.
    pub no_admin_email: bool,
    /// `None`: all recipients have their routes. Else the database's time: the next chunk is due from now on.
    pub more: Option<DateTime<Utc>>,
}

/// Reads notifications, in the order of `ids`. A row that cannot be read is an error text: unknown kind, payload that does not
/// fit it, no channel that leads to its audience, members of no game.
pub async fn load_expansions(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Result<Expansion, String>>, Error> {
    let rows = sqlx::query!(
        r#"SELECT n.notification_id AS "notification_id!", n.kind AS "kind!", n.audience AS "audience!",
                  cardinality(n.user_ids) > 0 AS "named_users!", n.game_id AS "game_id?", n.game_seq AS "game_seq?",
                  n.payload AS "payload!: Json<serde_json::Value>", n.expanded_to IS NOT NULL AS "begun!", n.priority AS "priority!",
                  n.request_id AS "request_id?", n.traceparent AS "traceparent?", n.unmailed AS "unmailed?"
             FROM unnest($1::uuid[]) WITH ORDINALITY AS a(id, at) JOIN notifications n ON n.notification_id = a.id
            ORDER BY a.at"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let payload = Payload::from_json(&row.kind, row.payload.0).map_err(|e| e.to_string())?;
            let kind = payload.kind();
            let audience: AudienceKind = row.audience.parse().map_err(|e: UnknownWord| e.to_string())?;
            let channels = kind.channels_to(audience);
            if channels.is_empty() {
                return Err(format!("{kind} has no channel to {audience}"));
            }
            if audience == AudienceKind::GameMembers && row.game_id.is_none() {
                return Err("it is for the members of a game and names no game".to_owned());
            }
            Ok(Expansion {
                notification_id: row.notification_id,
                kind,
                channels,
                ordered: row.game_seq.is_some(),
                audience,
                named_users: row.named_users,
                begun: row.begun,
                game_id: row.game_id,
                game_seq: row.game_seq,
                priority: row.priority.min(BROADCAST_PRIORITY),
                request_id: row.request_id,
                traceparent: row.traceparent,
                unmailed: row.unmailed,
            })
        })
        .collect())
}

/// One recipient of a chunk, as the database has them now.
struct Recipient {
    notification_id: Uuid,
    user_id: Uuid,
    deleted: bool,
    has_email: bool,
}

/// Writes the routes of the next recipients of each notification, `limit` at most, and moves the cursor. Recipients that
/// have their routes already keep them as they are, so a chunk that is done again changes nothing.
///
/// The caller holds the notifications' rows. Three statements, however many recipients. Wake
/// [`Topic::Routes`](crate::queue::Topic) after the commit.
pub async fn expand_chunk(
    conn: &mut PgConnection,
    work: &[&Expansion],
    limit: u32,
    admin_email: bool,
) -> Result<Vec<Chunk>, Error> {
    let (recipients, now) = recipients(conn, work, limit).await?;
    let mut routes = NewRoutes::default();
    let mut chunks: Vec<Chunk> = Vec::with_capacity(work.len());
    let mut cursors: (Vec<Uuid>, Vec<Uuid>) = Default::default();
    for expansion in work {
        let id = expansion.notification_id;
        let mine: Vec<&Recipient> = recipients.iter().filter(|r| r.notification_id == id).collect();
        expansion.plan(&mine, admin_email, &mut routes);
        let full = u32::try_from(mine.len()).is_ok_and(|n| n >= limit);
        if let (true, Some(last)) = (full, mine.last()) {
            cursors.0.push(id);
            cursors.1.push(last.user_id);
        }
        chunks.push(Chunk {
            notification_id: id,
            routes: Vec::new(),
            no_admin_email: expansion.audience == AudienceKind::Administrators && !admin_email,
            more: full.then_some(now),
        });
    }
    for (id, channel) in routes.insert(conn).await? {
        let (Some(chunk), Ok(channel)) = (chunks.iter_mut().find(|c| c.notification_id == id), channel.parse()) else {
            continue;
        };
        match chunk.routes.iter_mut().find(|(c, _)| *c == channel) {
            Some((_, n)) => *n += 1,
            None => chunk.routes.push((channel, 1)),
        }
    }
    if !cursors.0.is_empty() {
        sqlx::query!(
            "UPDATE notifications n SET expanded_to = a.user_id
               FROM unnest($1::uuid[], $2::uuid[]) AS a(id, user_id) WHERE n.notification_id = a.id",
            &cursors.0,
            &cursors.1
        )
        .execute(conn)
        .await?;
    }
    Ok(chunks)
}

/// The next recipients of each notification beyond its cursor, by user id, and the database's time.
async fn recipients(
    conn: &mut PgConnection,
    work: &[&Expansion],
    limit: u32,
) -> Result<(Vec<Recipient>, DateTime<Utc>), Error> {
    let ids: Vec<Uuid> = work.iter().map(|w| w.notification_id).collect();
    let rows = sqlx::query!(
        r#"SELECT clock_timestamp() AS "now!", n.notification_id AS "notification_id!", r.user_id AS "user_id?",
           a.deleted_at IS NOT NULL AS "deleted!",
                  EXISTS (SELECT FROM identities i WHERE i.user_id = r.user_id AND i.kind = 'email') AS "has_email!"
             FROM notifications n
             LEFT JOIN LATERAL (
                 (SELECT x.user_id FROM accounts x
                   WHERE n.audience = 'everyone' AND x.user_id > coalesce(n.expanded_to, '00000000-0000-0000-0000-000000000000')
                     AND x.deleted_at IS NULL AND x.created_at <= n.created_at
                   ORDER BY x.user_id LIMIT $2)
                 UNION ALL
                 (SELECT m.user_id FROM memberships m
                   WHERE n.audience = 'game_members' AND m.game_id = n.game_id AND m.status = 'active'
                     AND m.user_id > coalesce(n.expanded_to, '00000000-0000-0000-0000-000000000000')
                   ORDER BY m.user_id LIMIT $2)
                 UNION ALL
                 (SELECT DISTINCT x.user_id FROM unnest(n.user_ids) AS u(id) JOIN accounts x ON x.user_id = u.id
                   WHERE n.audience = 'users' AND u.id > coalesce(n.expanded_to, '00000000-0000-0000-0000-000000000000')
                   ORDER BY x.user_id LIMIT $2)) r ON true
             LEFT JOIN accounts a ON a.user_id = r.user_id
            WHERE n.notification_id = ANY($1)
            ORDER BY n.notification_id, r.user_id"#,
        &ids,
        i64::from(limit)
    )
    .fetch_all(conn)
    .await?;
    let now = rows.first().map(|r| r.now).unwrap_or_default();
    let recipients = rows
        .into_iter()
        .filter_map(|r| {
            let user_id = r.user_id?;
            Some(Recipient { notification_id: r.notification_id, user_id, deleted: r.deleted, has_email: r.has_email })
        })
        .collect();
    Ok((recipients, now))
}

impl Expansion {
    /// The routes of these recipients.
    fn plan(&self, recipients: &[&Recipient], admin_email: bool, routes: &mut NewRoutes) {
        if self.audience == AudienceKind::Administrators {
            let skip = (!admin_email).then_some("no address of the administrators is configured");
            routes.push(self, Channel::AdminEmail, None, skip);
        } else if self.audience == AudienceKind::Users && !self.named_users && !self.begun {
            for channel in &self.channels {
                routes.push(self, *channel, None, Some("there is no recipient"));
            }
        }
        for recipient in recipients {
            for channel in &self.channels {
                let skip = if recipient.deleted {
                    Some("the account is deleted")
                } else if *channel == Channel::Email && !recipient.has_email {
                    Some("the account has no e-mail identity")
                } else if *channel == Channel::Email {
                    self.unmailed.as_deref()
                } else {
                    None
                };
                routes.push(self, *channel, Some(recipient.user_id), skip);
            }
        }
    }
}

/// Routes as columns, the form in which one statement takes any number of them.
#[derive(Default)]
struct NewRoutes {
    ids: Vec<Uuid>,
    notification_ids: Vec<Uuid>,
    channels: Vec<String>,
    user_ids: Vec<Option<Uuid>>,
    game_ids: Vec<Option<Uuid>>,
    game_seqs: Vec<Option<i64>>,
    priorities: Vec<i16>,
    request_ids: Vec<Option<String>>,
    traceparents: Vec<Option<String>>,
    skips: Vec<Option<String>>,
}

impl NewRoutes {
    fn push(&mut self, of: &Expansion, channel: Channel, user_id: Option<Uuid>, skip: Option<&str>) {
        self.ids.push(RouteId::new().uuid());
        self.notification_ids.push(of.notification_id);
        self.channels.push(channel.as_str().to_owned());
        self.user_ids.push(user_id);
        self.game_ids.push(of.game_id);
        self.game_seqs.push(of.game_seq.filter(|_| channel == Channel::Push));
        self.priorities.push(of.priority);
        self.request_ids.push(of.request_id.clone());
        self.traceparents.push(of.traceparent.clone());
        self.skips.push(skip.map(str::to_owned));
    }

    /// Writes them and answers notification and channel of those that are new.
    async fn insert(self, conn: &mut PgConnection) -> Result<Vec<(Uuid, String)>, Error> {
        if self.ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"INSERT INTO notification_routes (route_id, notification_id, channel, user_id, game_id, game_seq, priority, request_id,
                                                traceparent, status, last_error, finished_at)
               SELECT id, notification_id, channel, user_id, game_id, game_seq, priority, request_id, traceparent,
                      CASE WHEN skip IS NULL THEN 'pending' ELSE 'skipped' END, skip, CASE WHEN skip IS NULL THEN NULL
                          ELSE clock_timestamp() END
                 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::smallint[], $8::text[],
                             $9::text[], $10::text[])
                      AS a(id, notification_id, channel, user_id, game_id, game_seq, priority, request_id, traceparent, skip)
               ON CONFLICT ON CONSTRAINT notification_routes_recipient_key DO NOTHING
               RETURNING notification_id, channel"#,
            &self.ids,
            &self.notification_ids,
            &self.channels,
            &self.user_ids as &[Option<Uuid>],
            &self.game_ids as &[Option<Uuid>],
            &self.game_seqs as &[Option<i64>],
            &self.priorities,
            &self.request_ids as &[Option<String>],
            &self.traceparents as &[Option<String>],
            &self.skips as &[Option<String>],
        )
        .fetch_all(conn)
        .await?;
        Ok(rows.into_iter().map(|r| (r.notification_id, r.channel)).collect())
    }
}

/// Lets notifications that waited for these to be expanded be due now. They were due all along and blocked, and the
/// claim's watermark may have passed them since.
pub async fn renew_successors(conn: &mut PgConnection, ids: &[Uuid]) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE notifications SET next_attempt_at = clock_timestamp()
          WHERE notification_id IN (
                SELECT s.notification_id FROM notifications f CROSS JOIN LATERAL (
                       SELECT s.notification_id FROM notifications s
                        WHERE s.game_id = f.game_id AND s.game_seq > f.game_seq AND s.game_seq IS NOT NULL
                          AND s.status IN ('pending', 'retrying', 'expanding')
                        ORDER BY s.game_seq LIMIT 1) s
                 WHERE f.notification_id = ANY($1))
            AND status IN ('pending', 'retrying') AND next_attempt_at < clock_timestamp()",
        ids
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
