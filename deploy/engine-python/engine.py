#!/usr/bin/env python3
"""A whole game engine: the contract of docs/engine-contract.md in about a hundred lines of code and a game in forty, by the standard
library alone.

The game is the reference engine's in miniature. Every planet builds a ship a turn. The order {"kind": "attack", "race": "…",
"ships": 3} sends ships at another race, and takes a planet if they are more than it has; the command {"kind": "say", "text": "…"}
stands in everybody's report. The last race left wins, or whoever has most planets at the turn limit: 12, or {"turn_limit": 8} in
the game's settings.
"""
import copy, hmac, json, os, signal, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

GAME_ID, TOKEN, STATE_DIR = (os.environ["GALAXY_" + name] for name in ("GAME_ID", "ENGINE_TOKEN", "STATE_DIR"))
HOST, _, PORT = os.environ.get("GALAXY_LISTEN_ADDR", "0.0.0.0:8080").rpartition(":")
STATE, MAX_BODY, LOCK = os.path.join(STATE_DIR, "state.json"), 2 << 20, threading.Lock()


class Problem(Exception):
    def __init__(self, status, code, detail, errors=()):
        self.status, self.body = status, {"type": "about:blank", "title": code.replace("_", " "), "status": status,
                                          "detail": detail, "code": code, "errors": list(errors)}


def save(state):  # Whole on disk under another name before it takes the old one's place: a kill leaves the old or the new.
    with open(STATE + ".tmp", "w", encoding="utf-8") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(STATE + ".tmp", STATE)
    directory = os.open(STATE_DIR, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def status(state):
    races = [{"race_name": race, "planets": planets, "extinct": not planets} for race, planets in state["planets"].items()]
    return {name: state[name] for name in ("game_id", "turn", "finished", "winners")} | {"races": races}


def view(state, race):
    return {name: state[name] for name in ("turn", "planets", "said")} | {"you": race, "ships": state["ships"][race]}


def init(state, game_id, races, settings):
    names = sorted(take(race, race_name=str)[0] for race in races)
    if game_id != GAME_ID or (state and (names, settings) != (sorted(state["planets"]), state["settings"])):
        raise Problem(409, "already_initialised", "this engine has its game, with its races and settings")
    if "" in names or len(set(names)) != len(names) or not names:
        raise Problem(422, "invalid_init", "one race or more play, each name is there once, and none is empty")
    return state or {"game_id": game_id, "turn": 0, "finished": False, "winners": [], "settings": settings, "said": [], "orders": {},
                     "reports": [], "planets": dict.fromkeys(names, 3), "ships": dict.fromkeys(names, 3)}


def turn(state, expected_turn):
    if expected_turn + 1 == state["turn"]:
        return state  # The platform missed the answer and asks again: nothing is made.
    if expected_turn != state["turn"] or state["finished"]:
        raise Problem(409, "game_finished" if state["finished"] else "turn_mismatch", f"the game is at turn {state['turn']}")
    planets, ships = state["planets"], state["ships"]
    state["reports"].append({race: view(copy.deepcopy(state), race) for race in planets})  # What is closed never changes.
    for race, orders in sorted(state["orders"].items()):
        for order in orders:
            sent = min(order["ships"], ships[race])
            if sent > ships[order["race"]] and planets[race] and planets[order["race"]]:
                planets[order["race"]], planets[race] = planets[order["race"]] - 1, planets[race] + 1
            ships[race], ships[order["race"]] = ships[race] - sent, max(ships[order["race"]] - sent, 0)
    state |= {"turn": expected_turn + 1, "orders": {}, "said": [], "ships": {race: ships[race] + planets[race] for race in ships}}
    if sum(map(bool, planets.values())) < 2 or state["turn"] >= state["settings"].get("turn_limit", 12):
        state |= {"finished": True, "winners": [race for race in planets if planets[race] == max(planets.values()) > 0]}
    return state


def banish(state, race_name):
    state["planets"][known(state, race_name)] = 0
    return state


def command(state, race_name, commands):
    acting(state, race_name, commands, "command", lambda item: item["kind"] == "say" and item["text"].isprintable())
    return state | {"said": state["said"] + [[race_name, item["text"][:200]] for item in commands]}


def order(state, race_name, turn, orders):
    if known(state, race_name) and turn != state["turn"] and not state["finished"]:
        raise Problem(409, "turn_already_closed", f"orders are taken for turn {state['turn']}")
    acting(state, race_name, orders, "order", lambda item: item["kind"] == "attack" and item["ships"] > 0 and known(state, item["race"]))
    return state | {"orders": state["orders"] | {race_name: orders}}


def acting(state, race, items, what, good):  # All or none, and each fault with its place.
    if state["finished"] or not state["planets"][known(state, race)]:
        raise Problem(409, "game_finished" if state["finished"] else "race_extinct", "nothing can be done any more")
    errors = []
    for place, item in enumerate(items):
        try:
            if not good(item):
                raise ValueError
        except (LookupError, TypeError, ValueError, AttributeError, Problem):
            errors.append({"pointer": f"/{what}s/{place}", "code": f"bad_{what}", "detail": f"this is no good {what}"})
    if errors:
        raise Problem(422, f"invalid_{what}", f"{len(errors)} are not good", errors[:100])


def known(state, race):
    if race not in state["planets"]:
        raise Problem(404, "race_not_found", "no such race plays")
    return race


def take(body, **kinds):  # The members that a call needs, each of its type.
    if not isinstance(body, dict) or any(type(body.get(name)) is not kind for name, kind in kinds.items()):
        raise Problem(400, "malformed_request", "an object is expected, with " + ", ".join(kinds))
    return [body[name] for name in kinds]


def report(state, query):
    race, asked = query.get("race_name", [""])[0], query.get("turn", [""])[0]
    if not race or not asked.isdecimal():
        raise Problem(400, "invalid_parameter", "race_name and turn are expected")
    if known(state, race) and int(asked) > state["turn"]:
        raise Problem(404, "report_not_found", "that turn has not come")
    return view(state, race) if int(asked) == state["turn"] else state["reports"][int(asked)][race]


CALLS = {  # path: method, what it does, the members that it takes; without these, it reads
    "/api/v1/admin/init": ("POST", init, {"game_id": str, "races": list, "settings": dict}),
    "/api/v1/admin/turn": ("PUT", turn, {"expected_turn": int}),
    "/api/v1/admin/race/banish": ("POST", banish, {"race_name": str}),
    "/api/v1/command": ("PUT", command, {"race_name": str, "commands": list}),
    "/api/v1/order": ("PUT", order, {"race_name": str, "turn": int, "orders": list}),
    "/api/v1/admin/status": ("GET", lambda state, _: status(state), None),
    "/api/v1/report": ("GET", report, None),
}
game = json.load(open(STATE, encoding="utf-8")) if os.path.exists(STATE) else None


def answer(method, url, headers, body):
    global game
    if url.path == "/healthz":
        return {"status": "ok"}
    if not hmac.compare_digest(headers.get("Authorization", "").encode(), f"Bearer {TOKEN}".encode()):
        raise Problem(401, "unauthorized", "the bearer token in GALAXY_ENGINE_TOKEN is needed")
    wanted, call, members = CALLS.get(url.path, (None, None, None))
    if method != wanted:
        raise Problem(405, "method_not_allowed", f"{wanted} it is") if wanted else Problem(404, "not_found", "no such path")
    if members and headers.get_content_type() != "application/json":
        raise Problem(415, "unsupported_media_type", "JSON is expected")
    try:
        given = take(json.loads(body), **members) if members else []
    except ValueError:
        raise Problem(400, "malformed_request", "this is not JSON")
    with LOCK:  # One change at a time: made on a copy, on disk, and only then seen.
        if game is None and call is not init:
            raise Problem(404, "game_not_initialised", "init comes first")
        if not members:
            return call(game, parse_qs(url.query))
        changed = call(copy.deepcopy(game), *given)
        if changed != game:
            save(changed)
            game = changed
        return {"turn": game["turn"]} if call in (command, order) else status(game)


class Handler(BaseHTTPRequestHandler):
    protocol_version, timeout, disable_nagle_algorithm, log_message = "HTTP/1.1", 60, True, lambda *_: None

    def call(self):
        try:
            length = int(self.headers.get("Content-Length", 0))
            if length > MAX_BODY:
                self.close_connection = True
                raise Problem(413, "payload_too_large", f"a body has at most {MAX_BODY} bytes")
            code, body, kind = 200, answer(self.command, urlsplit(self.path), self.headers, self.rfile.read(length)), "json"
        except Problem as problem:
            code, body, kind = problem.status, problem.body, "problem+json"
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/" + kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = call


class Server(ThreadingHTTPServer):
    request_queue_size, daemon_threads = 64, True


if __name__ == "__main__":
    server = Server((HOST, int(PORT)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
