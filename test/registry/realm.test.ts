import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { acceptRealm } from "../../src/registry/realm.ts"
import { endpoint } from "./against.ts"

const accepts = (origin: string, realm: string, authRealms: ReadonlyArray<string> = []) =>
  Result.match(acceptRealm(endpoint(origin, { authRealms }), new URL("/v2/a/tags/list", origin), realm), {
    onFailure: () => "refused",
    onSuccess: ({ href }) => href
  })

describe("X2: a realm is accepted", () => {
  it.each([
    ["at the registry's own host", "https://ghcr.io", "https://ghcr.io/token"],
    ["relative to the registry", "https://r.example.test", "/token"],
    ["with a query of its own", "https://r.example.test", "https://r.example.test/token?a=b"],
    ["of Docker Hub", "https://registry-1.docker.io", "https://auth.docker.io/token"],
    ["of GitLab, above the registry", "https://registry.gitlab.com", "https://gitlab.com/jwt/auth"],
    ["beside the registry", "https://registry.example.com", "https://gitlab.example.com/jwt/auth"],
    ["under a country's commercial domain", "https://registry.acme.co.uk", "https://auth.acme.co.uk/token"],
    [
      "on another port of the same domain",
      "https://registry.example.com:5000",
      "https://registry.example.com/token"
    ],
    ["over http for an http registry", "http://registry.example.com", "http://auth.example.com/token"],
    ["at the same address and port", "http://127.0.0.1:5000", "http://127.0.0.1:5000/token"],
    ["at localhost's same port", "http://localhost:5000", "http://localhost:5000/token"]
  ])("%s", (_, origin, realm) => assert.strictEqual(accepts(origin, realm), new URL(realm, origin).href))

  it.each([
    ["another domain's", "https://auth.other.test", "auth.other.test"],
    ["an address's", "https://10.0.0.1", "10.0.0.1"],
    ["a port's", "https://auth.other.test:8443", "auth.other.test:8443"]
  ])("if it is listed: %s", (_, realm, listed) => {
    assert.strictEqual(accepts("https://r.example.test", `${realm}/token`, [listed]), `${realm}/token`)
    assert.strictEqual(accepts("https://r.example.test", `${realm}/token`), "refused")
  })
})

describe("X2: a realm is refused", () => {
  it.each([
    ["on another domain", "https://registry.example.com", "https://auth.other.com/token"],
    ["whose domain ends like ours", "https://registry.example.com", "https://evilexample.com/token"],
    [
      "with ours as a user name",
      "https://registry.example.com",
      "https://registry.example.com@evil.test/token"
    ],
    ["with a login of its own", "https://registry.example.com", "https://a:b@registry.example.com/token"],
    ["under http for an https registry", "https://registry.example.com", "http://registry.example.com/token"],
    ["that shares only a country's suffix", "https://registry.acme.co.uk", "https://auth.evil.co.uk/token"],
    ["of another customer of a platform", "https://acme.azurecr.io", "https://evil.azurecr.io/token"],
    ["that shares only the top", "https://example.com", "https://evil.com/token"],
    ["that shares only the dot at the end", "https://example.com.", "https://evil.com./token"],
    ["on another port of our address", "http://127.0.0.1:5000", "http://127.0.0.1:6000/token"],
    ["on another address", "http://10.0.0.1", "http://10.0.0.2/token"],
    ["on the metadata service", "http://registry.example.com", "http://169.254.169.254/latest"],
    ["on localhost", "http://registry.example.com", "http://localhost/token"],
    ["on another port of localhost", "http://localhost:5000", "http://localhost:6000/token"],
    ["on an IPv6 address", "http://registry.example.com", "http://[::1]/token"],
    ["that is a file", "https://registry.example.com", "file:///etc/passwd"],
    ["that is no URL", "https://registry.example.com", "https://["],
    ["without a host", "https://registry.example.com", "https://"]
  ])("%s", (_, origin, realm) => assert.strictEqual(accepts(origin, realm), "refused"))

  it("though it is listed, if it would send credentials in the clear", () =>
    assert.strictEqual(accepts("https://r.example.test", "http://auth.test/token", ["auth.test"]), "refused"))

  it("on another port than is listed", () =>
    assert.strictEqual(
      accepts("https://r.example.test", "https://auth.test:8443/t", ["auth.test"]),
      "refused"
    ))
})
