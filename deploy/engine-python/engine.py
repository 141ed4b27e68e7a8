#!/usr/bin/env python3
"""A whole game engine: the contract of docs/engine-contract.md and a small game in a hundred lines of code, by the standard library
alone.

The game is a race. The order {"kind": "step"} takes a runner one field on when the turn closes; three a turn are the most. Who is
farthest at the turn limit wins: after 12 turns, or {"turn_limit": 8} in the game's settings. It has no commands.
"""
import contextlib, hmac, http.server, json, os, signal, sys, threading, urllib.parse

GAME_ID, TOKEN, STATE_DIR = (os.environ["GALAXY_" + name] for name in ("GAME_ID", "ENGINE_TOKEN", "STATE_DIR"))
HOST, _, PORT = os.environ.get("GALAXY_LISTEN_ADDR", "0.0.0.0:8080").rpartition(":")
BEARER, STATE, DIRECTORY, MAX_BODY = f"Bearer {TOKEN}".encode(), STATE_DIR + "/state.json", os.open(STATE_DIR, os.O_RDONLY), 2 << 20


class Problem(Exception): ...


def require(holds, status, code, detail, errors=()):
    if not holds:
        raise Problem(status, dict(type="about:blank", title=code, status=status, detail=detail, code=code, errors=errors))


# The game: functions from one state to the next. None of them changes the state that it is given.


def init(game, game_id: str, races: list, settings: dict):
    names, limit = sorted(take({"race_name": str}, race)["race_name"] for race in races), settings.get("turn_limit", 12)
    same = not game or (names, settings) == (sorted(game["fields"][0]), game["settings"])
    require(game_id == GAME_ID and same, 409, "already_initialised", "this engine has its game, with its races and settings")
    require(names and "" not in names and len(set(names)) == len(names), 422, "invalid_init", "names stand once, and none is empty")
    require(type(limit) is int and settings.keys() <= {"turn_limit"}, 422, "invalid_init", "a setting is not known",
            [{"pointer": "/settings", "code": "bad_setting", "detail": "turn_limit is a number, and the only one"}])
    return game or {"game_id": game_id, "settings": settings, "turn": 0, "finished": False, "winners": [], "out": [], "orders": {},
                    "fields": [dict.fromkeys(names, 0)]}


def turn(game, expected_turn: int):
    if expected_turn + 1 == game["turn"]:
        return game  # The platform missed the answer and asks again: nothing is made.
    require(not game["finished"], 409, "game_finished", "the last turn is closed")
    require(expected_turn == game["turn"], 409, "turn_mismatch", f"the game is at turn {game['turn']}")
    fields = {race: field + len(game["orders"].get(race, [])) for race, field in game["fields"][-1].items()}
    finished, left = expected_turn + 1 >= game["settings"].get("turn_limit", 12), [race for race in fields if race not in game["out"]]
    return game | {"turn": expected_turn + 1, "orders": {}, "fields": game["fields"] + [fields], "finished": finished,
                   "winners": [race for race in left if finished and fields[race] == max(fields[other] for other in left)]}


def banish(game, race_name: str):
    return game | {"out": sorted({*game["out"], race_name})}


def command(game, race_name: str, commands: list):
    return acting(game, race_name, "command", commands, 0)


def order(game, race_name: str, turn: int, orders: list):
    require(turn == game["turn"] or game["finished"], 409, "turn_already_closed", f"orders are taken for turn {game['turn']}")
    return acting(game, race_name, "order", orders, 3) | {"orders": game["orders"] | {race_name: orders}}


def acting(game, race_name, what, given, most):  # All or none, and each fault with its place.
    require(not game["finished"], 409, "game_finished", "nothing can be done any more")
    require(race_name not in game["out"], 409, "race_extinct", "this race is out of the game")
    errors = [{"pointer": f"/{what}s/{place}", "code": f"bad_{what}", "detail": "the rules do not know it, or not so many"}
              for place, item in enumerate(given) if item != {"kind": "step"} or place >= most]
    require(not errors, 422, f"invalid_{what}", f"{len(errors)} cannot be taken", errors[:100])
    return game


def status(game):
    races = [{"race_name": race, "extinct": race in game["out"]} for race in game["fields"][0]]
    return {name: game[name] for name in ("game_id", "turn", "finished", "winners")} | {"races": races}


def report(game, race_name: str, turn: str):
    require(turn.isdecimal(), 400, "malformed_request", "turn is a number")
    require(int(turn) <= game["turn"], 404, "report_not_found", "that turn has not come")
    return {"you": race_name, "turn": int(turn), "fields": game["fields"][int(turn)]}  # A turn only adds: it never changes.


# The engine: the contract, for any game.

# The paths below /api/v1/, each with its method and its function, whose parameters are the members that the call takes.
CALLS = {"admin/init": ("POST", init), "admin/status": ("GET", status), "admin/turn": ("PUT", turn), "admin/race/banish": ("POST", banish),
         "command": ("PUT", command), "order": ("PUT", order), "report": ("GET", report)}
LOCK, game = threading.Lock(), json.load(open(STATE)) if os.path.exists(STATE) else {}


def save(state):  # Whole on disk under another name before it takes the old one's place: a kill leaves the old or the new.
    with open(STATE + ".tmp", "w") as file:
        print(json.dumps(state), file=file, flush=True)
        os.fsync(file.fileno())
    os.replace(STATE + ".tmp", STATE)
    os.fsync(DIRECTORY)
    game.update(state)
    return game


def take(kinds, given):
    whole = isinstance(given, dict) and all(type(given.get(name)) is kind for name, kind in kinds.items())
    require(whole, 400, "malformed_request", "an object is expected, with " + ", ".join(kinds))
    return {name: given[name] for name in kinds}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, timeout, disable_nagle_algorithm, log_message = "HTTP/1.1", 60, True, lambda *_: None

    def do_GET(self):
        try:
            code, body = 200, self.answered()
        except Problem as problem:
            code, body = problem.args
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json" if code == 200 else "application/problem+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_PUT = do_POST = do_DELETE = do_GET

    def answered(self):
        url, length = urllib.parse.urlsplit(self.path), int(self.headers.get("Content-Length", 0))
        self.close_connection |= length > MAX_BODY  # It is not read, and stands where the next request is looked for.
        require(length <= MAX_BODY, 413, "payload_too_large", f"a body has at most {MAX_BODY} bytes")
        body = self.rfile.read(length)
        if url.path == "/healthz":
            return {"status": "ok"}
        require(hmac.compare_digest(self.headers.get("Authorization", "").encode(), BEARER), 401, "unauthorized", "a token is needed")
        method, call = CALLS.get(url.path.removeprefix("/api/v1/"), (None, None))
        require(method and url.path.startswith("/api/v1/"), 404, "not_found", "no such path")
        require(method == self.command, 405, "method_not_allowed", f"{method} it is")
        require(method == "GET" or self.headers.get_content_type() == "application/json", 415, "not_declared", "no JSON")
        given = None  # What cannot be read is no object either.
        with contextlib.suppress(ValueError, RecursionError):
            given = dict(urllib.parse.parse_qsl(url.query)) if method == "GET" else json.loads(body)
        given = take(call.__annotations__, given)
        with LOCK:  # One call at a time. What it changes is on disk before anybody hears of it.
            require(game or call is init, 404, "game_not_initialised", "init comes first")
            require("race_name" not in given or given["race_name"] in game["fields"][0], 404, "race_not_found", "no such race plays")
            answered = call(game, **given)
            return answered if method == "GET" else status(save(answered))


http.server.ThreadingHTTPServer.request_queue_size = 64
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.ThreadingHTTPServer((HOST, int(PORT)), Handler).serve_forever()
