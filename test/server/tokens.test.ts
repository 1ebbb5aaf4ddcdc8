import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schedule } from "effect"
import * as Server from "../../src/server/Server.ts"
import { Database } from "../../src/store/Database.ts"
import { type Role, Tokens } from "../../src/store/Tokens.ts"
import { noPostgres } from "../real/postgres.ts"
import { converse, request, serve } from "./rig.ts"
import { list, world } from "./world.ts"

/** A token's header. */
const token = Effect.fnUntraced(function* (
  role: Role,
  repositories: ReadonlyArray<string> | null = null,
  expires: Date | null = null
) {
  const tokens = yield* Tokens
  const made = yield* tokens.create(
    { name: `${role} of ${String(repositories)}`, role, repositories },
    expires
  )
  if (made === null) return yield* Effect.die("there is one of this name")
  return { authorization: `Bearer ${Redacted.value(made)}` }
})

const calls = [
  "GET /ping",
  "GET /health/live",
  "GET /repos",
  "GET /tags/api",
  "GET /metrics",
  "GET /openapi.json",
  "POST /tags/api",
  "POST /tags/api/reset"
] as const

const statusesOf = (origin: string, headers: Record<string, string>) =>
  Effect.forEach(calls, (call) => {
    const [method = "", path = ""] = call.split(" ")
    const body = method === "POST" ? { body: '{"auto_deploy":true}' } : {}
    return Effect.map(request(`${origin}${path}`, { method, headers, ...body }), ({ status }) => status)
  })

const tested = <A, E, R>(test: Effect.Effect<A, E, R>) => test.pipe(Effect.provide(world), Effect.scoped)

describe.skipIf(noPostgres)("tokens", () => {
  it.live.each<
    readonly [
      who: string,
      headers: Effect.Effect<Record<string, string>, unknown, Tokens>,
      statuses: ReadonlyArray<number>
    ]
  >([
    ["nobody", Effect.succeed({}), [200, 200, 401, 401, 401, 401, 401, 401]],
    [
      "an unknown token",
      Effect.succeed({ authorization: "Bearer rw_none" }),
      [200, 200, 401, 401, 401, 401, 401, 401]
    ],
    [
      "an empty token",
      Effect.succeed({ authorization: "Bearer " }),
      [200, 200, 401, 401, 401, 401, 401, 401]
    ],
    [
      "another scheme",
      Effect.succeed({ authorization: "Basic YTpi" }),
      [200, 200, 401, 401, 401, 401, 401, 401]
    ],
    ["an expired token", token("admin", null, new Date(0)), [200, 200, 401, 401, 401, 401, 401, 401]],
    ["read", token("read"), [200, 200, 200, 200, 200, 200, 403, 403]],
    ["operate", token("operate"), [200, 200, 200, 200, 200, 200, 200, 200]],
    ["admin", token("admin", null, new Date("2999-01-01")), [200, 200, 200, 200, 200, 200, 200, 200]],
    ["read of one repository", token("read", ["api"]), [200, 200, 200, 200, 403, 200, 403, 403]],
    ["operate of one repository", token("operate", ["api"]), [200, 200, 200, 200, 403, 200, 200, 200]],
    ["operate of another", token("operate", ["team/api"]), [200, 200, 200, 400, 403, 200, 400, 400]],
    ["operate of none", token("operate", []), [200, 200, 200, 400, 403, 200, 400, 400]]
  ])("X8: where a token exists, %s may what its role says", ([, headersOf, statuses]) =>
    tested(
      Effect.gen(function* () {
        yield* list(["v1.0.0"])
        yield* Effect.flatMap(Tokens, (tokens) =>
          tokens.create({ name: "some other", role: "read", repositories: null }, null)
        )
        const headers = yield* headersOf
        const origin = yield* serve()
        assert.deepStrictEqual(yield* statusesOf(origin, headers), statuses)
      })
    )
  )

  it.live("X22: a repository of others looks like one that nobody watches", () =>
    tested(
      Effect.gen(function* () {
        yield* list(["v1.0.0"])
        const headers = yield* token("operate", ["team/api"])
        const origin = yield* serve()
        const answer = (path: string, init: RequestInit = {}) =>
          Effect.map(request(`${origin}${path}`, { headers, ...init }), ({ status, text }) => [status, text])
        const pin = { method: "POST", body: '{"pinned_tag":"v1.0.0"}' }
        assert.deepStrictEqual(yield* answer("/tags/api"), yield* answer("/tags/nobody"))
        assert.deepStrictEqual(yield* answer("/tags/api", pin), yield* answer("/tags/nobody", pin))
        assert.deepStrictEqual(
          yield* answer("/tags/api/reset", { method: "POST" }),
          yield* answer("/tags/nobody/reset", { method: "POST" })
        )
        const { body } = yield* request(`${origin}/repos`, { headers })
        assert.hasAllKeys(body, ["team/api"])
      })
    )
  )

  it.live("X7: the first token closes the door within seconds, the last one that is revoked opens it", () =>
    tested(
      Effect.gen(function* () {
        const tokens = yield* Tokens
        const origin = yield* serve()
        const anonymous = Effect.map(request(`${origin}/repos`), ({ status }) => status)
        const becomes = (status: number) =>
          anonymous.pipe(
            Effect.repeat({
              until: (answered) => answered === status,
              schedule: Schedule.spaced("50 millis")
            }),
            Effect.timeout("5 seconds")
          )
        assert.strictEqual(yield* anonymous, 200)
        const headers = yield* token("admin")
        // The token itself counts at once.
        assert.strictEqual((yield* request(`${origin}/repos`, { headers })).status, 200)
        yield* becomes(401)
        assert.isTrue(yield* tokens.revoke("admin of null"))
        // And is refused at once, though nobody needs one.
        assert.strictEqual((yield* request(`${origin}/repos`, { headers })).status, 401)
        yield* becomes(200)
      })
    )
  )

  it.live("X11: a token that is used too often is told so, from however many addresses", () =>
    tested(
      Effect.gen(function* () {
        const { authorization } = yield* token("read")
        const origin = yield* serve({}, { rate: { perSecond: 0.1, burst: 3 } })
        const askFrom = (address: string) =>
          converse(
            origin,
            (socket) =>
              socket.write(
                `GET /repos HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\nconnection: close\r\n\r\n`
              ),
            address
          )
        const heard = yield* Effect.forEach(["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"], askFrom)
        assert.deepStrictEqual(
          heard.map((text) => text.split(" ")[1]),
          ["200", "200", "200", "429"]
        )
        assert.include(heard[3], "too many requests with this token")
      })
    )
  )

  it.live("X20: who did it is in the audit by the name of the token", () =>
    tested(
      Effect.gen(function* () {
        const headers = yield* token("operate")
        const origin = yield* serve()
        yield* request(`${origin}/tags/api`, { method: "POST", headers, body: '{"auto_deploy":false}' })
        const { pool } = yield* Database
        const rows = yield* pool.unsafe("select who, action from audit where repository is not null")
        assert.deepStrictEqual(rows, [{ who: "operate of null", action: "change" }])
      })
    )
  )
})

describe.skipIf(noPostgres)("without any token", () => {
  // Bound to loopback in a spelling that counts as beyond it: a test listens on no other address.
  const beyond = { listen: { host: "::ffff:127.0.0.1", port: 0 } }

  it.live("X7: refuses to listen beyond loopback, and names the line that lets anybody in", () =>
    tested(
      Effect.gen(function* () {
        const error = yield* Effect.flip(serve({ listen: { host: "0.0.0.0", port: 8080 } }))
        assert.instanceOf(error, Server.Unprotected)
        assert.match(error.message, /^config\/test.toml: server_listening_address = "0.0.0.0:8080"/)
        assert.include(error.message, "`allow_unauthenticated = true`")
      })
    )
  )

  it.live.each([
    ["allow_unauthenticated", { ...beyond, allowUnauthenticated: true }, 200],
    ["loopback", {}, 200]
  ] as const)("X7: %s lets anybody in", ([, settings, status]) =>
    tested(
      Effect.gen(function* () {
        const origin = yield* serve(settings)
        assert.strictEqual((yield* request(`${origin}/repos`)).status, status)
      })
    )
  )

  it.live("X7: beyond loopback it stays closed also when the last token is gone", () =>
    tested(
      Effect.gen(function* () {
        const tokens = yield* Tokens
        yield* token("admin")
        const origin = yield* serve(beyond)
        yield* tokens.revoke("admin of null")
        yield* Effect.sleep("1100 millis")
        assert.strictEqual((yield* request(`${origin}/repos`)).status, 401)
      })
    )
  )

  it.live.each([
    ["evil.example", {}, 403],
    ["127.0.0.1.evil.example", {}, 403],
    ["localhost", {}, 200],
    ["127.0.0.1:8080", {}, 200],
    ["[::1]:8080", {}, 200],
    ["registrywatcher.example", { allowUnauthenticated: true }, 200]
  ] as const)(
    "X12: a name that was made to resolve to us, %s, is served only if config allows",
    ([host, settings, status]) =>
      tested(
        Effect.gen(function* () {
          const origin = yield* serve(settings)
          const heard = yield* converse(origin, (socket) =>
            socket.write(`GET /repos HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
          )
          assert.match(heard, new RegExp(`^HTTP/1.1 ${status} `))
        })
      )
  )
})
