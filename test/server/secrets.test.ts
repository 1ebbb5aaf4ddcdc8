import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { noPostgres } from "../real/postgres.ts"
import { endpoint } from "../registry/against.ts"
import { converse, request, serve } from "./rig.ts"
import { list, world } from "./world.ts"

const password = "canary-of-the-registry"
const credentials = { name: "main", user: "robot", password }

/** The registry wants a password that is not ours, so that every call of it goes wrong with ours in hand. */
const locked = Layer.unwrap(
  Effect.map(RegistrySimulator, ({ origin }) =>
    RegistryClient.layer(new Map([["main", endpoint(origin, credentials)]]))
  )
).pipe(
  Layer.provideMerge(RegistrySimulator.layer({ auth: { scheme: "basic", user: "robot", password: "other" } }))
)

describe.skipIf(noPostgres)("secrets", () => {
  it.live("X6: no token, password, cookie or query is in any answer, log line or metric", () => {
    const logged: Array<string> = []
    const record = (line: string) => {
      logged.push(line)
    }
    const recorders = [Logger.map(Logger.formatJson, record), Logger.map(Logger.formatLogFmt, record)]
    return Effect.gen(function* () {
      yield* list(["v1.0.0"])
      const tokens = yield* Tokens
      const made = yield* tokens.create({ name: "ann", role: "admin", repositories: null }, null)
      const real = Redacted.value(made ?? Redacted.make(""))
      assert.isAbove(real.length, 32)
      const origin = yield* serve({}, {}, "All")
      const pin = { method: "POST", body: '{"pinned_tag":"v2.0.0"}' }
      const heard = yield* Effect.forEach(
        [real, "canary-of-a-token", "canary with spaces"],
        Effect.fnUntraced(function* (token) {
          const headers = {
            authorization: `Bearer ${token}`,
            "proxy-authorization": "Basic canary-of-a-proxy",
            cookie: "session=canary-of-a-cookie",
            "x-nomad-token": "canary-of-nomad",
            "x-vault-token": "canary-of-vault"
          }
          const calls = [
            ["/repos", {}],
            ["/tags/api?token=canary-of-a-query", {}],
            ["/tags/api", pin],
            ["/nothing?key=canary-of-a-query", {}],
            ["/metrics", {}],
            ["/openapi.json", {}]
          ] as const
          return yield* Effect.forEach(calls, ([path, init]) =>
            Effect.map(request(`${origin}${path}`, { headers, ...init }), ({ text, headers: sent }) =>
              JSON.stringify([text, [...sent]])
            )
          )
        })
      )
      const broken = yield* converse(origin, (socket) =>
        socket.write("GET /repos HTTP/1.1\r\nauthorization: Bearer canary-of-a-token\r\nbad header\r\n\r\n")
      )
      const all = [...heard.flat(), broken, ...logged]
      // Both were reached: the log has a line of each request, and of the registry that refused.
      assert.isAbove(logged.filter((line) => line.includes("request")).length, 15)
      assert.isTrue(logged.some((line) => line.includes("registry did not say whether a tag exists")))
      for (const secret of [real, "canary", password]) {
        assert.deepStrictEqual(
          all.filter((text) => text.includes(secret)),
          []
        )
      }
    }).pipe(Effect.provide(Layer.merge(Layer.merge(world, locked), Logger.layer(recorders))), Effect.scoped)
  })
})
