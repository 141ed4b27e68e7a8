//! Engines that answer as none should: each kind with what comes of it.

use std::fmt::Write as _;

use super::*;
use crate::ids::GameId;

const GAME: &str = "0190d1a0-0000-7000-8000-000000000001";

/// What an engine does once it was asked: writes these pieces, so far apart, and closes or does not.
#[derive(Clone)]
struct Says {
    pieces: Vec<Vec<u8>>,
    apart: Duration,
    /// Whether the pieces begin again when they are through: an answer without end.
    endless: bool,
    closes: bool,
}

impl Says {
    fn once(bytes: impl Into<Vec<u8>>) -> Self {
        Self { pieces: vec![bytes.into()], apart: Duration::ZERO, endless: false, closes: true }
    }

    fn body(status: &str, body: &str) -> Self {
        Self::once(answer(status, body))
    }
}

/// Serves every connection in the same way, until the test ends.
async fn says(what: Says) -> EngineTarget {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let what = what.clone();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !String::from_utf8_lossy(&asked).contains("\r\n\r\n") {
                    let mut buffer = [0; 4096];
                    match socket.read(&mut buffer).await {
                        Ok(n) if n > 0 => asked.extend_from_slice(&buffer[..n]),
                        _ => return,
                    }
                }
                loop {
                    for piece in &what.pieces {
                        if socket.write_all(piece).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(what.apart).await;
                    }
                    if !what.endless {
                        break;
                    }
                }
                if !what.closes {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    EngineTarget { endpoint, token: Secret::new("sesame".to_owned()) }
}

/// The outcome in few words, as a table can hold it.
fn word(error: &EngineError) -> String {
    match error {
        EngineError::Unreachable(_) => "unreachable".into(),
        EngineError::Timeout => "timeout".into(),
        EngineError::Problem { status, code, .. } => format!("{status} {code}"),
        EngineError::BadAnswer(_) => "bad".into(),
        EngineError::OtherGame(_) => "other game".into(),
        EngineError::NoRoom => "no room".into(),
    }
}

fn status_body(more: &str) -> String {
    format!(r#"{{"game_id":"{GAME}","turn":1,"finished":false,"races":[{{"race_name":"A","extinct":false}}]{more}}}"#)
}

#[tokio::test]
async fn each_way_to_answer_badly_has_its_outcome() {
    let good = status_body("");
    let length = good.len();
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n");
    let mut headers = whole.clone();
    for n in 0..20_000 {
        write!(headers, "x-{n}: {}\r\n", "y".repeat(100)).unwrap();
    }
    let drops: Vec<Vec<u8>> = good.bytes().map(|byte| vec![byte]).collect();
    let slow = Says {
        pieces: [vec![format!("{whole}\r\n").into_bytes()], drops].concat(),
        apart: Duration::from_millis(20),
        endless: false,
        closes: true,
    };
    let chunks = Says {
        pieces: vec![b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()],
        apart: Duration::ZERO,
        endless: false,
        closes: false,
    };
    let endless = |head: &str| {
        let mut says = chunks.clone();
        says.pieces = vec![head.as_bytes().to_vec()];
        says.pieces.extend(std::iter::repeat_n([b"10000\r\n", vec![b' '; 0x10000].as_slice(), b"\r\n"].concat(), 64));
        says
    };
    let problem = |status: &str, body: &str| Says::body(status, body);
    let cases: Vec<(&str, Says, &str)> = vec![
        ("HTTP/1.0", Says::once(format!("HTTP/1.0 200 OK\r\n\r\n{good}")), "ok"),
        ("a wrong content type", Says::once(format!("{whole}content-type: text/html\r\n\r\n{good}")), "ok"),
        ("HTML", Says::body("200 OK", "<html>It works!</html>"), "bad"),
        ("nothing", Says::body("200 OK", ""), "bad"),
        ("no content", Says::once("HTTP/1.1 204 No Content\r\n\r\n"), "bad"),
        (
            "a redirect",
            Says::once("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"),
            "302 engine_error",
        ),
        ("not HTTP", Says::once("SSH-2.0-OpenSSH_9.2\r\n"), "bad"),
        ("HTTP/2", Says::once("HTTP/2 200\r\n\r\n"), "bad"),
        ("a status beyond HTTP", Says::once("HTTP/1.1 99 Odd\r\n\r\n"), "bad"),
        ("two lengths", Says::once(format!("{whole}content-length: 7\r\n\r\n{good}")), "bad"),
        ("a head of 2 MB", Says::once(format!("{headers}\r\n{good}")), "bad"),
        (
            "closed at once",
            Says { pieces: Vec::new(), apart: Duration::ZERO, endless: false, closes: true },
            "unreachable",
        ),
        ("closed in the head", Says::once("HTTP/1.1 200 OK\r\ncontent-le"), "unreachable"),
        ("closed in the body", Says::once(format!("{whole}\r\n{{")), "unreachable"),
        ("silent", Says { closes: false, ..Says::once("") }, "timeout"),
        ("silent in the body", Says { closes: false, ..Says::once(format!("{whole}\r\n{{")) }, "timeout"),
        ("one byte now and then", slow, "timeout"),
        (
            "a length of 8 GB",
            Says { closes: false, ..Says::once("HTTP/1.1 200 OK\r\ncontent-length: 8589934592\r\n\r\n{") },
            "timeout",
        ),
        ("chunks without end", endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), "bad"),
        ("an error without end", endless("HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n"), "500 engine_error"),
        ("an error in HTML", problem("502 Bad Gateway", "<html>"), "502 engine_error"),
        ("an error without words", problem("403 Forbidden", ""), "403 engine_error"),
        ("an error with a code", problem("409 Conflict", r#"{"code":"turn_mismatch"}"#), "409 turn_mismatch"),
        ("a code of 8 kB", problem("422 No", &format!(r#"{{"code":"{}"}}"#, "x".repeat(8_000))), "422 engine_error"),
        ("a code that is none", problem("422 No", r#"{"code":"A b\n"}"#), "422 engine_error"),
        ("a NUL in a refusal", problem("422 No", r#"{"code":"bad","detail":"\u0000"}"#), "bad"),
        ("a NUL in a failure", problem("503 Soon", r#"{"code":"busy","detail":"\u0000"}"#), "503 engine_error"),
    ];
    // One after the other would be as many timeouts.
    let (patient, impatient) = (client(), impatient());
    let outcomes = cases.iter().map(async |(name, what, wanted)| {
        let target = says(what.clone()).await;
        let client = if *wanted == "timeout" { &impatient } else { &patient };
        let got = client.status(&target).await;
        (*name, got.map_or_else(|error| word(&error), |status| if status.turn == 1 { "ok".into() } else { "?".into() }))
    });
    let outcomes = futures::future::join_all(outcomes).await;
    let wanted: Vec<_> = cases.iter().map(|(name, _, wanted)| (*name, (*wanted).to_owned())).collect();
    assert_eq!(outcomes, wanted);
}

#[test]
fn a_status_is_typed_strictly() {
    let status = |body: &str| types::status(body.as_bytes());
    let with = |from: &str, to: &str| {
        let body = status_body("");
        assert!(body.contains(from), "{from}");
        status(&body.replacen(from, to, 1))
    };
    assert!(
        status(&status_body(r#","winners":[],"more":{"deep":[1,null]},"more":2"#)).is_ok(),
        "more than we know is tolerated"
    );
    let cases = [
        ("a game that is no id", with(GAME, "none")),
        ("a turn as text", with(r#""turn":1"#, r#""turn":"1""#)),
        ("a turn with a fraction", with(r#""turn":1"#, r#""turn":1.5"#)),
        ("a negative turn", with(r#""turn":1"#, r#""turn":-1"#)),
        ("a turn beyond 31 bits", with(r#""turn":1"#, r#""turn":2147483648"#)),
        ("a turn beyond 64 bits", with(r#""turn":1"#, r#""turn":1e300"#)),
        ("no turn", with(r#""turn":1,"#, "")),
        ("two turns", with(r#""turn":1"#, r#""turn":1,"turn":1"#)),
        ("finished as a number", with("false", "0")),
        ("races as an object", with(r#"[{"race_name":"A","extinct":false}]"#, "{}")),
        ("a race in a row", with(r#"{"race_name":"A","extinct":false}"#, r#"["A",1,1,false]"#)),
        (
            "a race twice",
            with(
                r#"[{"race_name":"A","extinct":false}]"#,
                r#"[{"race_name":"A","extinct":false},{"race_name":"A","extinct":true}]"#,
            ),
        ),
        ("a race without a name", with(r#""A""#, r#""""#)),
        ("a name of 1 kB", with(r#""A""#, &format!("\"{}\"", "n".repeat(1_024)))),
        ("a name with a NUL", with(r#""A""#, r#""A\u0000""#)),
        ("two names", with(r#""race_name":"A""#, r#""race_name":"A","race_name":"A""#)),
        ("less than no planets", with(r#""extinct""#, r#""planets":-1,"extinct""#)),
        ("planets without number", with(r#""extinct""#, r#""planets":null,"extinct""#)),
        ("people beyond all numbers", with(r#""extinct""#, r#""population":1e999,"extinct""#)),
        ("winners before the end", status(&status_body(r#","winners":["A"]"#))),
        ("a winner from elsewhere", status(&status_body(r#","winners":["B"]"#).replacen("false", "true", 1))),
        ("a winner twice", status(&status_body(r#","winners":["A","A"]"#).replacen("false", "true", 1))),
        ("bottomless nesting", status(&status_body(&format!(r#","x":{}{}"#, "[".repeat(5_000), "]".repeat(5_000))))),
        ("a NUL in a name that we do not know", status(&status_body(r#","x\u0000":1"#))),
        ("a row of fields", status(&format!(r#"["{GAME}",1,false,[],[]]"#))),
        ("something after it", status(&format!("{}x", status_body("")))),
        ("bytes that are no text", types::status(b"{\"game_id\":\"\xff\"}")),
    ];
    for (name, got) in cases {
        match got {
            Err(EngineError::BadAnswer(reason)) => assert!(reason.chars().count() <= 500, "{name}: {reason}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_reason_does_not_quote_a_whole_answer() {
    let error = types::status(format!("\"{}\"", "x".repeat(1 << 20)).as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 1_000, "{} bytes", error.to_string().len());
}

#[test]
fn a_status_is_of_its_game_and_of_its_races_alone() {
    let game: GameId = GAME.parse().unwrap();
    let body = format!(
        r#"{{"game_id":"{GAME}","turn":1,"finished":false,
            "races":[{{"race_name":"A","extinct":false}},{{"race_name":"B","extinct":true}}]}}"#
    );
    let status = types::status(body.as_bytes()).unwrap();
    let of = |game, races: &[&str]| {
        let races: Vec<_> = races.iter().map(|race| (*race).to_owned()).collect();
        status.clone().of(game, &races)
    };
    assert!(of(game, &["B", "A"]).is_ok());
    assert!(of(game, &["B", "A", "A"]).is_ok(), "two memberships may have had one race, one after the other");
    assert!(matches!(of(GameId::new(), &["A", "B"]), Err(EngineError::OtherGame(other)) if other == game));
    for (races, said) in [(&["A"][..], "`B` is no race"), (&["A", "B", "C"], "`C` is missing"), (&[], "`A` is no race")]
    {
        match of(game, races) {
            Err(EngineError::BadAnswer(reason)) => assert!(reason.contains(said), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_report_is_taken_up_to_its_limit_and_not_beyond() {
    let client = client().with_report_limit(1_000);
    let report = |length: usize| format!("\"{}\"", "r".repeat(length - 2));
    let fits = says(Says::body("200 OK", &report(1_000))).await;
    assert_eq!(client.report(&fits, "A", 1).await.unwrap().get().len(), 1_000);
    for (body, said) in [
        (report(1_001), "longer than 1000 bytes"),
        ("<html>".to_owned(), "not JSON"),
        (r#"["\u0000"]"#.to_owned(), "a NUL"),
        (format!("{}{}", "[".repeat(200), "]".repeat(200)), "nested deeper"),
    ] {
        let target = says(Says::body("200 OK", &body)).await;
        let error = client.report(&target, "A", 1).await.unwrap_err();
        assert!(matches!(&error, EngineError::BadAnswer(reason) if reason.contains(said)), "{said}: {error}");
    }
}

#[tokio::test]
async fn each_kind_of_answer_has_a_bound_of_its_own() {
    let blanks = |length: usize| says(Says::body("200 OK", &format!("{}{}", status_body(""), " ".repeat(length))));
    let client = client();
    let longer = |error: EngineError, bound: usize| {
        assert!(error.to_string().ends_with(&format!("longer than {bound} bytes")), "{error}");
    };
    longer(client.health(&blanks(HEALTH).await).await.unwrap_err(), HEALTH);
    longer(client.status(&blanks(STATUS).await).await.unwrap_err(), STATUS);
    longer(client.turn(&blanks(STATUS).await, 0).await.unwrap_err(), STATUS);
    longer(client.banish(&blanks(STATUS).await, "A").await.unwrap_err(), STATUS);
    let nothing = serde_json::value::RawValue::from_string("[]".to_owned()).unwrap();
    longer(client.command(&blanks(ANSWER).await, "A", &nothing).await.unwrap_err(), ANSWER);
    assert!(client.status(&blanks(STATUS / 2).await).await.is_ok());
    assert!(client.command(&blanks(STATUS).await, "A", &nothing).await.is_ok(), "what passes on to players has more");
    // A thousand races, with names as long as they may be and each of their characters escaped.
    let name = |n: usize| format!("{}{n:04}", r"\ud835\udd38".repeat(28));
    let races: Vec<String> = (0..1_000)
        .map(|n| format!(r#"{{"race_name":"{}","planets":1000,"population":123456.75,"extinct":false}}"#, name(n)))
        .collect();
    let races = races.join(",");
    let body = format!(r#"{{"game_id":"{GAME}","turn":1,"finished":false,"winners":[],"races":[{races}]}}"#);
    assert!(body.len() <= STATUS, "{} bytes", body.len());
    assert_eq!(client.status(&says(Says::body("200 OK", &body)).await).await.unwrap().races.len(), 1_000);
}

/// An answer that promises more than it brings, and then stops.
fn stalled(bytes: usize) -> Says {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes + 1);
    Says { closes: false, ..Says::once([head.into_bytes(), vec![b' '; bytes]].concat()) }
}

#[tokio::test]
async fn answers_that_stall_take_no_more_memory_than_there_is_and_give_way_to_others() {
    const ROOM: usize = 4 << 20;
    let room = Budget::new(ROOM, ROOM / 2);
    let client = client().with_room(room.clone());
    let mut stalling = Vec::new();
    for _ in 0..64 {
        let (client, target) = (client.clone(), says(stalled(STATUS - 1)).await);
        stalling.push(tokio::spawn(async move { client.status(&target).await }));
    }
    // Some have what there is; what the others would need is more than that. No clock decides: they wait for their own minute.
    let full = || room.spent() + STATUS > ROOM;
    tokio::time::timeout(Duration::from_secs(50), async {
        while !full() {
            assert!(room.spent() <= ROOM);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the room is full");
    let honest = says(Says::body("200 OK", &status_body(&format!(r#","more":"{}""#, "m".repeat(200 << 10))))).await;
    for _ in 0..5 {
        assert_eq!(client.status(&honest).await.map(|status| status.turn).map_err(|error| word(&error)), Ok(1));
        assert!(room.spent() <= ROOM, "{} bytes", room.spent());
    }
    let gave_way = stalling.iter().filter(|call| call.is_finished()).count();
    assert!(gave_way > 0, "somebody gave way");
    for call in stalling {
        if call.is_finished() {
            let error = call.await.unwrap().unwrap_err();
            assert_eq!(word(&error), "no room");
            assert!(error.is_passing() && !error.is_absence() && !error.is_elsewhere() && !error.is_busy());
        } else {
            call.abort();
            let _ = call.await;
        }
    }
    assert_eq!(room.spent(), 0, "all of it comes back");
}

#[tokio::test]
async fn time_that_went_while_an_answer_waited_for_room_is_not_held_against_its_engine() {
    const ROOM: usize = 1 << 20;
    let room = Budget::new(ROOM, ROOM);
    let client = waiting(Duration::from_millis(700)).with_room(room.clone());
    let honest = says(Says::body("200 OK", &status_body(&format!(r#","more":"{}""#, "m".repeat(200 << 10))))).await;
    let others = room.take(&"others".to_owned(), ROOM).unwrap();
    // There is room before it gives up, and the call's own time is over by then.
    let freed = async {
        tokio::time::sleep(Duration::from_millis(850)).await;
        drop(others);
    };
    let (asked, ()) = futures::future::join(client.status(&honest), freed).await;
    assert_eq!(asked.map(|status| status.turn).map_err(|error| word(&error)), Err("no room".to_owned()));
}
