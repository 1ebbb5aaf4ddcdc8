import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import type { RegistryEndpoint } from "../../src/domain/RegistryEndpoint.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import type { AuthMode } from "../../src/sim/registry/SimAuth.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { api, clientOf, endpoint, simulated, tag } from "./against.ts"
import { type Heard, scripted } from "./scripted.ts"

const canary = "s3cr3t-canary"
const login = { user: "robot", password: canary }
const credentials = { user: "robot", password: Redacted.make(canary) }
const tokens: AuthMode = { scheme: "token", ...login, expiresIn: 300 }

const listed = Effect.flatMap(RegistryClient, (client) => client.tags(api))
const resolved = Effect.flatMap(RegistryClient, (client) => client.resolve(api, tag("v1")))
const denied = Effect.flatMap(Effect.flip(listed), ({ reason }) =>
  reason._tag === "AccessDenied" ? Effect.succeed(reason.words) : Effect.die(reason)
)
/** What was asked since the last look, in short: `GET tags 401`. */
const asked = Effect.gen(function* () {
  const simulator = yield* RegistrySimulator
  const requests = yield* simulator.requests
  yield* simulator.clearRequests
  return requests.map(({ method, path, status }) => {
    const what = /tags|manifests|token/.exec(path)?.[0]
    return `${method} ${what} ${status}`
  })
})
const pushed = Effect.gen(function* () {
  const simulator = yield* RegistrySimulator
  yield* simulator.push("team/api", "v1")
  yield* simulator.push("team/other", "v1")
  return simulator
})

describe("Basic", () => {
  const basic: AuthMode = { scheme: "basic", ...login }

  it.effect("is sent when it was asked for, and from then on at once", () =>
    Effect.gen(function* () {
      yield* pushed
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET tags 401", "GET tags 200"])
      yield* listed
      yield* resolved
      assert.deepStrictEqual(yield* asked, ["GET tags 200", "HEAD manifests 200"])
    }).pipe(Effect.provide(simulated({ auth: basic }, { credentials })))
  )

  it.effect("that is refused is not sent twice", () =>
    Effect.gen(function* () {
      yield* pushed
      assert.strictEqual(yield* denied, "401 UNAUTHORIZED")
      assert.deepStrictEqual(yield* asked, ["GET tags 401", "GET tags 401"])
      assert.strictEqual(yield* denied, "the credentials were refused")
      assert.deepStrictEqual(yield* asked, ["GET tags 401"])
    }).pipe(
      Effect.provide(
        simulated({ auth: basic }, { credentials: { ...credentials, password: Redacted.make("no") } })
      )
    )
  )

  it.effect("is asked for and not configured: said so", () =>
    Effect.gen(function* () {
      yield* pushed
      assert.include(yield* denied, "none are configured")
      assert.deepStrictEqual(yield* asked, ["GET tags 401"])
    }).pipe(Effect.provide(simulated({ auth: basic })))
  )
})

describe("a bearer token", () => {
  it.effect("is fetched once; then each poll is one request, and another repository needs no 401", () =>
    Effect.gen(function* () {
      yield* pushed
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET tags 401", "GET token 200", "GET tags 200"])
      yield* listed
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET tags 200", "GET tags 200"])
      const client = yield* RegistryClient
      yield* client.tags({ registry: "local", image: "team/other" })
      assert.deepStrictEqual(yield* asked, ["GET token 200", "GET tags 200"])
    }).pipe(Effect.provide(simulated({ auth: tokens }, { credentials })))
  )

  it.effect("is fetched without credentials where there are none", () =>
    Effect.gen(function* () {
      yield* pushed
      assert.deepStrictEqual(yield* listed, [tag("v1")])
    }).pipe(Effect.provide(simulated({ auth: { scheme: "token", expiresIn: 300 } })))
  )

  it.effect("is renewed before its end, and not long before", () =>
    Effect.gen(function* () {
      yield* pushed
      yield* listed
      yield* asked
      yield* TestClock.adjust("289 seconds")
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET tags 200"])
      yield* TestClock.adjust("1 seconds")
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET token 200", "GET tags 200"])
    }).pipe(Effect.provide(simulated({ auth: tokens }, { credentials })))
  )

  it.effect("without a lifetime is kept until it is refused, not for 60 s", () =>
    Effect.gen(function* () {
      yield* pushed
      yield* listed
      yield* asked
      yield* TestClock.adjust("59 minutes")
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET tags 200"])
      yield* TestClock.adjust("1 minute")
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET tags 401", "GET token 200", "GET tags 200"])
    }).pipe(Effect.provide(simulated({ auth: { ...tokens, expiresIn: null } }, { credentials })))
  )

  it.effect("X18, L7: that was revoked is renewed once, for all who were refused together", () =>
    Effect.gen(function* () {
      const simulator = yield* pushed
      const together = Effect.all(
        Array.from({ length: 8 }, () => listed),
        { concurrency: "unbounded" }
      )
      yield* together
      assert.lengthOf(
        (yield* asked).filter((line) => line === "GET token 200"),
        1
      )
      yield* simulator.revokeTokens
      yield* together
      const lines = yield* asked
      assert.lengthOf(
        lines.filter((line) => line === "GET token 200"),
        1
      )
      assert.lengthOf(
        lines.filter((line) => line === "GET tags 401"),
        8
      )
      assert.lengthOf(
        lines.filter((line) => line === "GET tags 200"),
        8
      )
    }).pipe(Effect.provide(simulated({ auth: tokens }, { credentials })))
  )

  it.effect("is fetched anew where Harbor answers a refused one by offering Basic only", () =>
    Effect.gen(function* () {
      const simulator = yield* pushed
      yield* listed
      yield* simulator.revokeTokens
      yield* asked
      yield* listed
      assert.deepStrictEqual(yield* asked, ["GET tags 401", "GET token 200", "GET tags 200"])
    }).pipe(Effect.provide(simulated({ auth: { ...tokens, basicAfterBearer: true } }, { credentials })))
  )

  it.effect("is kept for the other purposes' right: listing and pulling each learn their own scope", () =>
    Effect.gen(function* () {
      yield* pushed
      yield* listed
      yield* resolved
      yield* asked
      yield* listed
      yield* resolved
      assert.deepStrictEqual(yield* asked, ["GET tags 200", "HEAD manifests 200"])
    }).pipe(Effect.provide(simulated({ auth: tokens }, { credentials })))
  )

  it.effect("that the token server refuses ends there, and each failure is one token request", () =>
    Effect.gen(function* () {
      yield* pushed
      assert.include(yield* denied, "the token server")
      assert.deepStrictEqual(yield* asked, ["GET tags 401", "GET token 401"])
    }).pipe(
      Effect.provide(
        simulated({ auth: tokens }, { credentials: { ...credentials, password: Redacted.make("no") } })
      )
    )
  )

  it.effect("of a token server that fails is Unavailable; one that was cached still serves", () =>
    Effect.gen(function* () {
      const simulator = yield* pushed
      yield* listed
      yield* simulator.fault({ on: "token", status: 503, headers: { "retry-after": "30" } })
      assert.deepStrictEqual(yield* listed, [tag("v1")])
      const client = yield* RegistryClient
      const { reason } = yield* Effect.flip(client.tags({ registry: "local", image: "team/other" }))
      assert.deepInclude(reason, { _tag: "Unavailable", retryAfter: 30_000 })
      yield* simulator.clearFaults
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* client.tags({ registry: "local", image: "team/other" }), [tag("v1")])
    }).pipe(Effect.provide(simulated({ auth: tokens }, { credentials })))
  )

  it.effect("X13: of more than 64 KiB is refused", () =>
    Effect.gen(function* () {
      const simulator = yield* pushed
      yield* simulator.fault({ on: "token", body: JSON.stringify({ token: "x".repeat(65_536) }) })
      const { reason } = yield* Effect.flip(listed)
      assert.strictEqual(reason._tag, "Malformed")
    }).pipe(Effect.provide(simulated({ auth: tokens }, { credentials })))
  )
})

/** Answers every request with a challenge, and tokens at `/token`. */
const challenging = (
  challenge: (origin: string) => string | ReadonlyArray<string>,
  tokenBody = '{"token":"T"}'
) =>
  scripted(({ path, headers }, response) => {
    if (path.startsWith("/token")) return response.end(tokenBody)
    response.writeHead(401, { "www-authenticate": [challenge(`http://${headers.host}`)].flat() }).end()
  })
const authorizations = (heard: ReadonlyArray<Heard>) => heard.map(({ headers }) => headers.authorization)
const ask = <A, E>(effect: Effect.Effect<A, E, RegistryClient>, of: RegistryEndpoint) =>
  Effect.provide(effect, clientOf(of))

describe("the challenge", () => {
  it.effect("gives the token request its service and scopes, beside the realm's own query", () =>
    Effect.gen(function* () {
      const server = yield* challenging(
        (origin) =>
          `Bearer realm="${origin}/token?a=b",service="an \\"s\\", 1",scope="repository:x:pull repository:y:pull"`
      )
      yield* ask(denied, endpoint(server.origin, { credentials }))
      const { searchParams } = new URL(server.heard[1]?.path ?? "", server.origin)
      assert.deepStrictEqual(
        [...searchParams],
        [
          ["a", "b"],
          ["service", 'an "s", 1'],
          ["scope", "repository:x:pull"],
          ["scope", "repository:y:pull"],
          ["client_id", "registrywatcher"],
          ["account", "robot"]
        ]
      )
    })
  )

  it.effect("without a scope asks for pull of the repository; a relative realm is the registry's", () =>
    Effect.gen(function* () {
      const server = yield* challenging(() => 'Bearer realm="/token"')
      yield* ask(denied, endpoint(server.origin))
      assert.strictEqual(
        server.heard[1]?.path,
        "/token?scope=repository%3Ateam%2Fapi%3Apull&client_id=registrywatcher"
      )
    })
  )

  it.effect("Bearer is taken before Basic, in whatever order and however many lines", () =>
    Effect.gen(function* () {
      const server = yield* challenging((origin) => ["Basic", `Bearer realm="${origin}/token",scope="*"`])
      yield* ask(denied, endpoint(server.origin, { credentials }))
      assert.strictEqual(authorizations(server.heard).at(-1), "Bearer T")
    })
  )

  it.effect("insufficient_scope for the very scope that was asked is final: no token more", () =>
    Effect.gen(function* () {
      const server = yield* challenging(
        (origin) =>
          `Bearer realm="${origin}/token",scope="repository:team/api:pull",error="insufficient_scope"`
      )
      yield* Effect.gen(function* () {
        yield* denied
        assert.lengthOf(server.heard, 3)
        yield* denied
        // The rights may have come meanwhile: each poll asks once, and no more.
        assert.lengthOf(server.heard, 5)
      }).pipe(Effect.provide(clientOf(endpoint(server.origin))))
    })
  )

  it.effect("is the same right in whatever order a registry names its actions", () =>
    Effect.gen(function* () {
      let turn = 0
      const server = yield* challenging((origin) => {
        const actions = turn++ === 0 ? "pull,metadata_read" : "metadata_read,pull"
        return `Bearer realm="${origin}/token",scope="repository:team/api:${actions}",error="insufficient_scope"`
      })
      yield* Effect.andThen(denied, denied).pipe(Effect.provide(clientOf(endpoint(server.origin))))
      const tokenRequests = server.heard.filter(({ path }) => path.startsWith("/token"))
      assert.lengthOf(tokenRequests, 2)
    })
  )

  it.effect("another scope than the one learnt before is followed, once", () =>
    Effect.gen(function* () {
      const server = yield* scripted(({ path, headers }, response) => {
        const origin = `http://${headers.host}`
        if (path.startsWith("/token")) {
          return response.end(JSON.stringify({ token: new URL(path, origin).searchParams.get("scope") }))
        }
        const right = path.startsWith("/v2/team/other")
          ? "repository:team/other:metadata_read"
          : "repository:team/api:pull"
        if (headers.authorization === `Bearer ${right}`) {
          return response.end(JSON.stringify({ name: path.split("/").slice(2, 4).join("/"), tags: ["v1"] }))
        }
        const challenge = `Bearer realm="${origin}/token",scope="${right}",error="insufficient_scope"`
        response.writeHead(401, { "www-authenticate": challenge }).end()
      })
      yield* Effect.gen(function* () {
        const client = yield* RegistryClient
        yield* listed
        assert.deepStrictEqual(yield* client.tags({ registry: "local", image: "team/other" }), [tag("v1")])
      }).pipe(Effect.provide(clientOf(endpoint(server.origin))))
    })
  )

  it.effect.each([
    ["no header", []],
    ["nothing but schemes that we do not speak", ["Negotiate abc=="]],
    ["a Bearer without a realm", ["Bearer"]]
  ] as const)("%s: said so, after one request", ([, challenge]) =>
    Effect.gen(function* () {
      const server = yield* challenging(() => challenge)
      assert.include(yield* ask(denied, endpoint(server.origin, { credentials })), "no scheme")
      assert.deepStrictEqual(authorizations(server.heard), [undefined])
    })
  )
})

describe("X1: credentials", () => {
  it.effect("are not sent before they are asked for", () =>
    Effect.gen(function* () {
      const server = yield* scripted((_, response) => response.end('{"name":"team/api","tags":[]}'))
      yield* ask(listed, endpoint(server.origin, { credentials }))
      assert.deepStrictEqual(authorizations(server.heard), [undefined])
    })
  )

  it.effect("are not sent to a realm on another origin, X2; they are where it is listed", () =>
    Effect.gen(function* () {
      const thief = yield* scripted((_, response) => response.end('{"token":"T"}'))
      const server = yield* challenging(() => `Bearer realm="${thief.origin.href}token", Basic`)
      const words = yield* ask(denied, endpoint(server.origin, { credentials }))
      assert.include(words, "auth_realms")
      assert.deepStrictEqual([thief.heard.length, thief.connections()], [0, 0])
      assert.deepStrictEqual(authorizations(server.heard), [undefined])
      yield* ask(denied, endpoint(server.origin, { credentials, authRealms: [thief.origin.host] }))
      assert.deepStrictEqual(authorizations(thief.heard), ["Basic cm9ib3Q6czNjcjN0LWNhbmFyeQ=="])
    })
  )

  it.effect("of one registry never reach a second, nor its token", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* challenging(() => "Basic"), yield* challenging(() => "Basic")]
      const registries = new Map([
        ["local", endpoint(first.origin, { credentials })],
        ["second", endpoint(second.origin)]
      ])
      yield* Effect.gen(function* () {
        const client = yield* RegistryClient
        yield* denied
        yield* Effect.flip(client.tags({ registry: "second", image: "team/api" }))
      }).pipe(Effect.provide(RegistryClient.layer(registries)))
      assert.lengthOf(first.heard, 2)
      assert.deepStrictEqual(authorizations(second.heard), [undefined])
    })
  )

  it.effect("do not follow a redirect, of the registry or of its token server (X3)", () =>
    Effect.gen(function* () {
      const thief = yield* scripted((_, response) => response.end('{"token":"T"}'))
      const redirecting = yield* scripted(({ path, headers }, response) => {
        const challenge = `Bearer realm="http://${headers.host}/token"`
        if (path.startsWith("/token")) return response.writeHead(302, { location: thief.origin.href }).end()
        response.writeHead(401, { "www-authenticate": challenge }).end()
      })
      const { reason } = yield* ask(Effect.flip(listed), endpoint(redirecting.origin, { credentials }))
      assert.strictEqual(reason._tag, "Malformed")
      assert.strictEqual(thief.connections(), 0)
    })
  )
})

/** Puts what it was sent into every place of its answer. */
const echoing = (status: number) =>
  scripted(({ path, headers }, response) => {
    const said = String(headers.authorization)
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: said, detail: said }] })
    if (path.startsWith("/token")) return response.end(JSON.stringify({ token: `${canary}-token` }))
    if (headers.authorization === undefined) {
      const realm = `Bearer realm="http://${headers.host}/token"`
      return response.writeHead(401, { "www-authenticate": realm }).end()
    }
    response.writeHead(status, { "www-authenticate": `Basic realm="${said}"`, link: said }).end(body)
  })

describe("X6: no error shows a secret", () => {
  it.effect.each([200, 301, 400, 401, 403, 404, 429, 500])(
    "when a registry echoes what it got under a %d",
    (status) =>
      Effect.gen(function* () {
        const server = yield* echoing(status)
        for (const call of [Effect.asVoid(listed), Effect.asVoid(resolved)]) {
          const error = yield* ask(Effect.flip(call), endpoint(server.origin, { credentials }))
          const shown = [
            error.message,
            String(error),
            JSON.stringify(error),
            inspect(error, { depth: Infinity, showHidden: true }),
            Cause.pretty(Cause.fail(error))
          ].join("\n")
          assert.notInclude(shown, canary)
          assert.notInclude(shown, Buffer.from(`robot:${canary}`).toString("base64"))
        }
        assert.include(server.heard.map(({ headers }) => String(headers.authorization)).join(), canary)
      })
  )

  it.effect("when the answer is no HTTP, with what was sent in it", () =>
    Effect.gen(function* () {
      const server = yield* scripted(({ headers }, response) => {
        if (headers.authorization === undefined) {
          return response.writeHead(401, { "www-authenticate": "Basic" }).end()
        }
        response.socket?.end(`HTTP/1.1 2OO ${headers.authorization}\r\n\r\n`)
      })
      const error = yield* ask(Effect.flip(listed), endpoint(server.origin, { credentials }))
      assert.strictEqual(error.reason._tag, "Unavailable")
      const shown = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error)
      assert.notInclude(shown, Buffer.from(`robot:${canary}`).toString("base64"))
    })
  )
})
