"""Who Schemathesis is, what it must leave alone, and what it has called."""

import atexit
import collections
import json
import os
import random
import re
import uuid
from datetime import datetime, timedelta, timezone

import requests
import schemathesis

GATEWAY = os.environ["FUZZ_GATEWAY"]
ROLE = os.environ["FUZZ_ROLE"]
CALLS = os.environ["FUZZ_CALLS"]

# A product that no generated call may touch.
KEPT_SKU = "KEPT"
# Whose key has another name than its parameter, and who is listed elsewhere.
KEYS = {"key_id": "id", "secret_id": "id", "customer_id": "id"}
ELSEWHERE = {"/v1/loyalty": "/v1/users", "/v1/reports/customers": "/v1/users"}

# What fits the document seldom fits the shop, too. These bodies do, or at least may.
LINES = [{"sku": "MUG-BLUE", "quantity": 1}]
BODIES = {
    "POST /v1/auth/register": lambda: {"email": f"{uuid.uuid4()}@shop.example", "password": str(uuid.uuid4()), "name": "A"},
    "POST /v1/me/api-keys": lambda: {"name": "till", "scopes": [], "expires_at": in_days(30)},
    "POST /v1/orders": lambda: {"lines": LINES},
    "PATCH /v1/orders/{id}": lambda: {"lines": [*LINES, {"sku": "85123A-255", "quantity": 1}]},
    "POST /v1/orders/{id}/cancel": lambda: {"reason": "changed my mind", "lines": LINES},
    "POST /v1/orders/{id}/incentive": lambda: {"discount_code": "SAVE10"},
    "POST /v1/orders/{id}/returns": lambda: {"reason": "broken", "lines": LINES},
    "POST /v1/products": lambda: {"sku": f"P-{uuid.uuid4().hex[:8]}", "name": "P", "price": {"amount": 5, "currency": "GBP"}},
    "POST /v1/discount-codes": lambda: {"code": f"C-{uuid.uuid4().hex[:8]}", "kind": "percent", "value": 5},
    "POST /v1/users/{id}/disable": lambda: {"reason": "a fraud"},
    "PUT /v1/users/{id}/roles": lambda: {"roles": ["customer", "packer"]},
    "PUT /v1/service-accounts/{id}/roles": lambda: {"roles": ["packer"]},
}

# What lists and creations answered: by the path of the collection, its newest `next` and what is in it.
cursors = {}
items = collections.defaultdict(lambda: collections.deque(maxlen=20))
seen = set()
calls = collections.defaultdict(collections.Counter)
# Hypothesis gives the one of the module `random` the same seed for each case.
dice = random.Random(os.environ["FUZZ_SEED"])


def keep(collection, new):
    items[collection].extend(new)
    seen.update(value for item in new for value in item.values() if isinstance(value, str))


def in_days(days):
    return (datetime.now(timezone.utc) + timedelta(days)).isoformat()


class Client(requests.Session):
    """Somebody who is signed in; an answer that is no success raises."""

    def __init__(self, email, password):
        super().__init__()
        self.hooks["response"].append(lambda answer, **_: answer.raise_for_status())
        tokens = self.call("POST", "/v1/auth/login", {"email": email, "password": password})
        self.token = tokens["access_token"]
        self.headers["Authorization"] = f"Bearer {self.token}"
        self.me = self.call("GET", "/v1/me")

    def call(self, method, path, body=None, **options):
        answer = self.request(method, GATEWAY + path, json=body, timeout=30, **options)
        return answer.json() if answer.content else None


class Keeper:
    """An administrator whom no generated call may touch, either: gives out accounts, and gives roles what they are to have."""

    def __init__(self):
        self.credentials = os.environ["FUZZ_ADMIN_EMAIL"], os.environ["FUZZ_ADMIN_PASSWORD"]
        me = Client(*self.credentials).me
        self.id, self.permissions = me["id"], me["permissions"]

    def account(self):
        """A new account of the role that is played, which has ordered something."""
        # A token lasts 15 minutes.
        keeper = Client(*self.credentials)
        admin = {"name": "admin", "permissions": self.permissions}
        keeper.call("PUT", "/v1/roles/admin", admin)
        email, password = f"{uuid.uuid4()}@shop.example", str(uuid.uuid4())
        new = {"email": email, "password": password, "name": ROLE}
        requests.post(f"{GATEWAY}/v1/auth/register", json=new, timeout=30).raise_for_status()
        account = Client(email, password)
        for key in "12":
            order = {"lines": [{"sku": KEPT_SKU, "quantity": 1}]}
            headers = {"Idempotency-Key": key}
            keep("/v1/orders", [account.call("POST", "/v1/orders", order, headers=headers)])
        for path in ["/v1/me/sessions", "/v1/me/api-keys"]:
            keep(path, account.call("GET", path)["items"])
        if ROLE != "customer":
            keeper.call("PUT", f"/v1/users/{account.me['id']}/roles", {"roles": [ROLE]})
        return account


KEEPER = None if ROLE == "visitor" else Keeper()

if KEEPER:
    # Whatever the calls do to their own account (end its sessions, disable it, take its roles), the next one is unharmed.
    @schemathesis.auth(refresh_interval=15, retry_on=[401])
    class Account:
        def get(self, case, context):
            # They were the last account's.
            for path in ["/v1/orders", "/v1/me/api-keys", "/v1/me/sessions"]:
                items[path].clear()
            return KEEPER.account().token

        def set(self, case, token, context):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


@schemathesis.hook
def before_load_schema(context, document):
    """Links from each collection to what is in it: what was listed or made is then read, changed, deleted."""
    for path, methods in document["paths"].items():
        for to in document["paths"]:
            below = re.fullmatch(re.escape(path) + r"/\{(\w+)\}.*", to)
            if not below or to.count("{") != path.count("{") + 1:
                continue
            parameter = below[1]
            key = KEYS.get(parameter, parameter)
            for method, status, value in [("get", "200", f"items/0/{key}"), ("post", "201", key)]:
                answer = methods.get(method, {}).get("responses", {}).get(status)
                if answer is None:
                    continue
                parameters = {parameter: f"$response.body#/{value}"}
                parameters |= {name: f"$request.path.{name}" for name in re.findall(r"\{(\w+)\}", path)}
                for verb in document["paths"][to].keys() & {"get", "post", "put", "patch", "delete"}:
                    pointer = to.replace("/", "~1")
                    link = {"operationRef": f"#/paths/{pointer}/{verb}", "parameters": parameters}
                    answer.setdefault("links", {})[f"{verb} {to}"] = link


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta.generation.mode.is_positive:
        use_what_there_is(case)
    for name, value in (case.path_parameters or {}).items():
        if KEEPER and value in (KEEPER.id, KEPT_SKU):
            case.path_parameters[name] = str(uuid.uuid4())


def use_what_there_is(case):
    """Nobody guesses an id, a version or a cursor: most cases that fit the document get one that there is."""
    path = case.operation.path
    for name, value in (case.path_parameters or {}).items():
        collection = path.partition(f"/{{{name}}}")[0]
        known = items[ELSEWHERE.get(collection, collection)]
        # What links have brought stays.
        if known and value not in seen and dice.random() < 0.8:
            case.path_parameters[name] = dice.choice(known).get(KEYS.get(name, name), "unknown")
    if case.headers and "If-Match" in case.headers and dice.random() < 0.7:
        case.headers["If-Match"] = "*"
    if isinstance(case.body, dict) and (body := BODIES.get(case.operation.label)) and dice.random() < 0.3:
        case.body = body()
    if case.query and "after" in case.query:
        del case.query["after"]
        if cursor := cursors.get(path):
            case.query["after"] = cursor


@schemathesis.hook
def after_call(context, case, response):
    calls[case.operation.label][response.status_code] += 1
    if case.method == "DELETE" and response.status_code == 204 and case.path_parameters:
        name, gone = list(case.path_parameters.items())[-1]
        known = items[case.operation.path.partition(f"/{{{name}}}")[0]]
        for item in [item for item in known if item.get(KEYS.get(name, name)) == gone]:
            known.remove(item)
    if "json" not in response.headers.get("content-type", [""])[0] or response.status_code not in (200, 201):
        return
    path, body = case.operation.path, response.json()
    if response.status_code == 201:
        keep(path, [body])
    elif case.method == "GET" and isinstance(body, dict) and "next" in body:
        cursors[path] = body["next"]
        keep(path, body["items"])


@atexit.register
def write_calls():
    with open(CALLS, "w") as file:
        json.dump(calls, file)
