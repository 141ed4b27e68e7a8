//! The table of rules: the one source for what is checked, for what the author's contract says of calls and situations
//! (`docs/engine-contract.md`, between its marks), and for what every report lists.

use std::fmt;

/// When a rule is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The image itself; with `--image` alone.
    Image,
    /// Before `init`.
    Before,
    /// `init`.
    Beginning,
    /// What is refused, and what is taken all the same.
    Requests,
    /// Turns, orders, reports.
    Turns,
    /// Ends and kills; where the test starts the engine itself.
    Durability,
    /// The end of the game.
    End,
    /// In every answer of the whole test.
    Always,
}

impl Part {
    /// Every part, in the order in which a report tells them.
    pub const ALL: [Self; 8] = [
        Self::Image,
        Self::Before,
        Self::Beginning,
        Self::Requests,
        Self::Turns,
        Self::Durability,
        Self::End,
        Self::Always,
    ];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "The image",
            Self::Before => "Before `init`",
            Self::Beginning => "The beginning",
            Self::Requests => "Requests, good and bad",
            Self::Turns => "Turns, orders, reports",
            Self::Durability => "Ended, killed, started again",
            Self::End => "The end of the game",
            Self::Always => "Every answer",
        })
    }
}

/// One rule of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name in reports.
    pub id: &'static str,
    /// When it is looked at.
    pub part: Part,
    /// The call, as authors know it.
    pub call: &'static str,
    /// The situation.
    pub when: &'static str,
    /// The statuses that will do; none where the rule is not about one.
    pub statuses: &'static [u16],
    /// The code of the problem, where the platform reads it.
    pub code: Option<&'static str>,
    /// What else must hold.
    pub then: &'static str,
}

impl Rule {
    /// The answer, as a table's cell.
    #[must_use]
    pub fn answer(&self) -> String {
        let statuses: Vec<String> = self.statuses.iter().map(u16::to_string).collect();
        let code = self.code.map(|code| format!("`{code}`")).unwrap_or_default();
        let status =
            [statuses.join(" or "), code].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        [status, self.then.to_owned()].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

macro_rules! rules {
    ($($name:ident $id:literal $part:ident $call:literal, $when:literal
        => [$($status:literal),*] $code:expr, $then:literal;)+) => {
        $(
            #[doc = concat!("`", $id, "`. ", $then)]
            pub const $name: Rule = Rule {
                id: $id, part: Part::$part, call: $call, when: $when, statuses: &[$($status),*], code: $code, then: $then,
            };
        )+
        /// All of them.
        pub const RULES: &[Rule] = &[$($name),+];
    };
}

const TURN: &str = "turn_already_closed";
const OVER: &str = "game_finished";

rules! {
    VOLUMES "image-volumes" Image "the image", "`VOLUME` in it"
        => [] None, "none: a volume is written outside the state directory, and the platform refuses the image";

    STARTS "starts" Before "`GET /healthz`", "within 60 s of the start, on `GALAXY_LISTEN_ADDR`, without a token"
        => [200] None, "";
    NO_TOKEN "no-token" Before "every call but `/healthz`", "no `Authorization`" => [401] None, "";
    WRONG_TOKEN "wrong-token" Before "every call but `/healthz`", "a wrong, empty, shorter or longer token, or another scheme"
        => [401] None, "";
    STATUS_BEFORE "status-before-init" Before "`GET /api/v1/admin/status`", "before `init`"
        => [404] Some("game_not_initialised"), "";
    CALLS_BEFORE "calls-before-init" Before "turn, banish, command, order, report", "before `init`"
        => [404, 409] None, "";
    OTHER_GAME "init-other-game" Before "`POST /api/v1/admin/init`", "a `game_id` that is not `GALAXY_GAME_ID`"
        => [409, 422] None, "";
    BAD_RACES "init-bad-races" Before "`POST /api/v1/admin/init`", "no race, a race twice, an empty name"
        => [400, 422] None, "";

    INIT "init" Beginning "`POST /api/v1/admin/init`", "the first time"
        => [200] None, "the status at turn 0, every race in it, none extinct";
    INIT_AGAIN "init-again" Beginning "`POST /api/v1/admin/init`", "the same again"
        => [200] None, "the status; nothing begins";
    INIT_OTHER_RACES "init-other-races" Beginning "`POST /api/v1/admin/init`", "other races"
        => [409] None, "";
    INIT_OTHER_SETTINGS "init-other-settings" Beginning "`POST /api/v1/admin/init`", "other settings"
        => [409] None, "";
    STATUS "status" Beginning "`GET /api/v1/admin/status`", "after `init`" => [200] None, "the same status";
    STATE_WRITTEN "state-written" Beginning "`GALAXY_STATE_DIR`", "after `init` was answered"
        => [] None, "the game is in it: what is not there is lost with the container";

    UNKNOWN_PATH "unknown-path" Requests "any other path", "" => [404] None, "";
    WRONG_METHOD "wrong-method" Requests "a path of these", "another method" => [405] None, "";
    NOT_JSON "not-json" Requests "every call with a body", "malformed JSON, or JSON of another shape"
        => [400, 422] None, "";
    NOT_DECLARED "not-declared" Requests "every call with a body", "good JSON under a `Content-Type` that is not `application/json`"
        => [400, 415] None, "";
    LARGE_BODY "large-body" Requests "`PUT /api/v1/order`", "a body of 1 MiB (a client's, wrapped)"
        => [200] None, "it is read";
    HUGE_BODY "huge-body" Requests "`PUT /api/v1/order`", "a body of 8 MiB"
        => [400, 413, 422] None, "the connection may be closed; the engine lives on";
    UNKNOWN_RACE "unknown-race" Requests "banish, command, order, report", "a race that does not play"
        => [404, 422] None, "";
    BAD_REPORT "report-bad-query" Requests "`GET /api/v1/report`", "no `race_name`, or a `turn` that is no number"
        => [400, 422] None, "";
    REPORT_NAMES "report-names" Requests "`GET /api/v1/report`", "a name with spaces (as `+` and as `%20`) and letters beyond ASCII"
        => [200] None, "";
    NONSENSE "nonsense" Requests "command, order", "one that the rules do not know" => [422] None, "";

    ORDER_EMPTY "order-empty" Turns "`PUT /api/v1/order`", "an empty list, and again: later orders replace earlier ones"
        => [200] None, "";
    ORDER_SAMPLE "order-sample" Turns "`PUT /api/v1/order`", "good orders (`--orders`), and the same again"
        => [200] None, "";
    ORDER_AHEAD "order-ahead" Turns "`PUT /api/v1/order`", "for a later turn" => [409] Some(TURN), "";
    ORDER_CLOSED "order-closed" Turns "`PUT /api/v1/order`", "for a closed turn" => [409] Some(TURN), "";
    COMMAND_EMPTY "command-empty" Turns "`PUT /api/v1/command`", "an empty list" => [200] None, "";
    REPORT_OPEN "report-open" Turns "`GET /api/v1/report`", "the open turn" => [200] None, "any JSON";
    REPORT_CLOSED "report-closed" Turns "`GET /api/v1/report`", "a closed turn, any that the race was in"
        => [200] None, "any JSON";
    REPORT_AHEAD "report-ahead" Turns "`GET /api/v1/report`", "a turn to come" => [404] None, "";
    REPORT_STAYS "report-stays" Turns "`GET /api/v1/report`", "a closed turn, asked again at any time"
        => [200] None, "the same JSON for ever";
    TURN_CLOSES "turn-closes" Turns "`PUT /api/v1/admin/turn`", "`expected_turn` is the open turn"
        => [200] None, "the status at the next turn";
    TURN_AGAIN "turn-again" Turns "`PUT /api/v1/admin/turn`", "the engine is past it by one: the answer was lost"
        => [200] None, "the status; nothing is made";
    TURN_AHEAD "turn-ahead" Turns "`PUT /api/v1/admin/turn`", "a later turn" => [409] None, "";
    TURN_STALE "turn-stale" Turns "`PUT /api/v1/admin/turn`", "two turns or more behind" => [409] None, "";
    INIT_LATER "init-later" Turns "`POST /api/v1/admin/init`", "the same, in a later turn"
        => [200] None, "the status; nothing begins anew";
    TURN_TOGETHER "turn-together" Turns "`PUT /api/v1/admin/turn`", "the same four times at once"
        => [200, 409] None, "one turn is made";
    CALLS_TOGETHER "calls-together" Turns "order, report, status", "all at once, of all races, while a turn is made"
        => [200, 404, 409] None, "";
    BANISH "banish" Turns "`POST /api/v1/admin/race/banish`", "a race that plays"
        => [200] None, "it is extinct at once";
    BANISH_AGAIN "banish-again" Turns "`POST /api/v1/admin/race/banish`", "the same again"
        => [200] None, "the status";
    BANISHED_ACTS "banished-acts" Turns "command, order", "of a race that is extinct" => [409, 422] None, "";

    NEW_TOKEN "new-token" Durability "every call", "started again with another `GALAXY_ENGINE_TOKEN`"
        => [] None, "the new token is taken, the old one is 401";
    TERM "sigterm" Durability "SIGTERM", "at any time"
        => [] None, "the process ends by itself within 10 s, then it is killed";
    TERM_KEPT "sigterm-kept" Durability "`GET /api/v1/admin/status`", "ended by SIGTERM and started again"
        => [200] None, "the same status";
    KILL_KEPT "kill-kept" Durability "`GET /api/v1/admin/status`", "`kill -9` after an answer, and started again"
        => [200] None, "the status that was answered";
    KILL_ORDERS "kill-orders" Durability "`GET /api/v1/report`", "`kill -9` after orders were answered, and started again"
        => [200] None, "the open turn's report is what it was";
    KILL_MID_TURN "kill-mid-turn" Durability "`PUT /api/v1/admin/turn`", "`kill -9` while a turn is made, and started again"
        => [] None, "the turn before or the one after; asked again, the one after";

    ENDS "ends" End "`PUT /api/v1/admin/turn`", "turn after turn without orders"
        => [] None, "the game ends, within `--max-turns` (500) here";
    OVER_TURN "over-turn" End "`PUT /api/v1/admin/turn`", "a finished game, its last turn"
        => [409] Some(OVER), "";
    OVER_AGAIN "over-again" End "`PUT /api/v1/admin/turn`", "a finished game, the turn that ended it"
        => [200] None, "the status, finished";
    OVER_ORDER "over-order" End "`PUT /api/v1/order`", "a finished game" => [409] Some(OVER), "";
    OVER_COMMAND "over-command" End "`PUT /api/v1/command`", "a finished game" => [409] Some(OVER), "";
    OVER_REPORTS "over-reports" End "`GET /api/v1/report`", "a finished game, every race, every turn that it was in"
        => [200] None, "";
    OVER_KEPT "over-kept" End "`GET /api/v1/admin/status`", "a finished game, after `kill -9`"
        => [200] None, "finished, with the same winners";

    JSON_TYPE "json-type" Always "every 200 but `/healthz`", ""
        => [] None, "JSON, declared as `application/json`";
    PROBLEM "problem" Always "every error", ""
        => [] None, "`application/problem+json` with `type`, `title`, `status`, `detail` and a `code` of `a-z0-9_`; perhaps `errors`";
    PROBLEM_SIZE "problem-size" Always "every error", ""
        => [] None, "code up to 64 characters, detail 1 000, 100 `errors`, pointers 512: what is longer is cut on its way";
    STATUS_SHAPE "status-shape" Always "every status", ""
        => [] None, "`game_id`, `turn`, `finished`, `winners`, `races` with `race_name` and `extinct`, perhaps `planets` and `population`";
    SAME_RACES "same-races" Always "every status", "" => [] None, "each race of `init` once, and no other";
    WINNERS_EARLY "winners-early" Always "every status", ""
        => [] None, "no winners before the game is finished";
    WINNERS_KNOWN "winners-known" Always "every status", "" => [] None, "winners are races of the game";
    COMES_BACK "comes-back" Always "every status", ""
        => [] None, "a race that is extinct stays so, and a finished game stays finished";
    TURN_BACK "turn-back" Always "every status", ""
        => [] None, "the turn never goes back, nor on without being asked";
    NUL "nul" Always "every answer", "" => [] None, "no U+0000 in any text";
    NESTING "nesting" Always "every answer", "" => [] None, "100 levels of objects and arrays at most";
    READ_TIME "read-time" Always "status, report, healthz", "" => [] None, "answered within 5 s";
    WRITE_TIME "write-time" Always "init, turn, banish, command, order", ""
        => [] None, "answered within 60 s";
    REPORT_SIZE "report-size" Always "every report", "" => [] None, "1 MiB at most (`--report-limit`)";
    ANSWER_SIZE "answer-size" Always "every other answer", "" => [] None, "1 MiB at most; a status, 512 KiB";
    SERVER_ERROR "server-error" Always "every call", "" => [] None, "no 5xx, and no connection broken off";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_stands_with_its_part() {
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(names.len(), RULES.len());
        assert!(RULES.is_sorted_by_key(|rule| rule.part), "the table reads part by part");
    }

    #[test]
    fn answers_read_as_sentences() {
        assert_eq!(STATUS_BEFORE.answer(), "404 `game_not_initialised`");
        assert_eq!(CALLS_BEFORE.answer(), "404 or 409");
        assert_eq!(TURN_AGAIN.answer(), "200: the status; nothing is made");
    }
}
