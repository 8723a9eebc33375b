"""An OpenID Connect provider in a process of its own, by authlib: discovery, codes with PKCE, tokens, user information.

Whoever comes is let in at once as the person that `POST /person` named last. A fault spoils what it answers.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from typing import Any

import jwt
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, request
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "coverage", "a secret between the two of us"
FAULTS = (
    "another issuer in the description",
    "another issuer in the token",
    "another audience",
    "another client",
    "another nonce",
    "expired",
    "signed by somebody else",
    "signed with our secret",
    "not signed",
    "no ID token",
    "no expiry",
    "another person in the user information",
    "the token endpoint breaks",
)

KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
PUBLIC = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "one", "use": "sig", "alg": "RS256"}
PRIVATE = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY)) | {"kid": "one", "use": "sig", "alg": "RS256"}

app = Flask(__name__)
person: dict[str, Any] = {"sub": "1"}
state = {"fault": ""}
codes: dict[str, Code] = {}
tokens: dict[str, dict[str, Any]] = {}


class Client(ClientMixin):  # type: ignore[misc]
    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/login/sso/callback/")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_post", "client_secret_basic"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    def __init__(self, asked: Any) -> None:
        self.redirect_uri, self.scope = asked["redirect_uri"], asked["scope"]
        self.nonce = asked.get("nonce")
        self.code_challenge = asked["code_challenge"]
        self.code_challenge_method = asked["code_challenge_method"]
        self.auth_time = int(time.time())
        self.person = dict(person)

    def get_redirect_uri(self) -> str:
        return str(self.redirect_uri)

    def get_scope(self) -> str:
        return str(self.scope)

    def get_nonce(self) -> Any:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class Codes(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post", "client_secret_basic"]

    def save_authorization_code(self, code: str, request: Any) -> None:
        codes[code] = Code(request.payload.data)

    def query_authorization_code(self, code: str, client: Any) -> Code | None:
        return codes.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        for code, known in list(codes.items()):
            if known is authorization_code:
                del codes[code]

    def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
        return authorization_code.person


class IdTokens(OpenIDCode):  # type: ignore[misc]
    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return False

    def get_jwt_config(self, grant: Any, client: Any = None) -> dict[str, Any]:
        return {"key": PRIVATE, "alg": "RS256", "iss": issuer(), "exp": 3600}

    def generate_user_info(self, user: dict[str, Any], scope: str) -> UserInfo:
        return UserInfo(user)


def save_token(token: dict[str, Any], asked: Any) -> None:
    tokens[token["access_token"]] = asked.user


server = AuthorizationServer(app, query_client=lambda client_id: Client(), save_token=save_token)
server.register_grant(Codes, [IdTokens(require_nonce=True), CodeChallenge(required=True)])


def issuer() -> str:
    return request.host_url.rstrip("/")


@app.get("/.well-known/openid-configuration")
def description() -> Any:
    at = issuer()
    return {
        "issuer": "http://localhost:1" if state["fault"] == "another issuer in the description" else at,
        "authorization_endpoint": f"{at}/authorize",
        "token_endpoint": f"{at}/token",
        "jwks_uri": f"{at}/keys",
        "userinfo_endpoint": f"{at}/userinfo",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }


@app.get("/keys")
def keys() -> Any:
    return {"keys": [PUBLIC]}


@app.get("/authorize")
def authorize() -> Any:
    return server.create_authorization_response(grant_user=person)


@app.post("/token")
def token() -> Any:
    if state["fault"] == "the token endpoint breaks":
        return "<h1>Bad gateway</h1>", 502
    response = server.create_token_response()
    given = json.loads(response.get_data())
    if state["fault"] and "id_token" in given:
        given["id_token"] = spoiled(given["id_token"], state["fault"])
        response.set_data(json.dumps({name: value for name, value in given.items() if value is not None}))
    return response


def spoiled(good: str, fault: str) -> str | None:
    claims = jwt.decode(good, options={"verify_signature": False})
    key: Any = KEY
    algorithm = "RS256"
    match fault:
        case "another issuer in the token" | "another issuer in the description":
            claims["iss"] = "http://localhost:1"
        case "another audience":
            claims["aud"] = ["somebody else"]
        case "another client":
            claims["aud"], claims["azp"] = [CLIENT_ID, "somebody else"], "somebody else"
        case "another nonce":
            claims["nonce"] = secrets.token_urlsafe()
        case "expired":
            claims["exp"] = int(time.time()) - 3600
        case "no expiry":
            del claims["exp"]
        case "signed by somebody else":
            key = OTHER_KEY
        case "signed with our secret":
            key, algorithm = CLIENT_SECRET, "HS256"
        case "not signed":
            key, algorithm = None, "none"
        case "no ID token":
            return None
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "one"})


@app.get("/userinfo")
def user_information() -> Any:
    known = tokens[request.headers["Authorization"].removeprefix("Bearer ")]
    return known | ({"sub": "2"} if state["fault"] == "another person in the user information" else {})


@app.post("/person")
def be() -> Any:
    """Who comes next, and what goes wrong with it."""
    wanted = request.get_json()
    person.clear()
    person.update(wanted["person"])
    state["fault"] = wanted["fault"]
    return {}


def main() -> None:
    """Say the address, serve until the other end of the standard input is closed."""
    listening = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"http://127.0.0.1:{listening.server_port}", flush=True)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
