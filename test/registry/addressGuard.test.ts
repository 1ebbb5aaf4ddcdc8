import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer } from "node:http"
import { isPublicAddress, lookupPublic } from "../../src/registry/addressGuard.ts"
import { openDispatchers } from "../../src/registry/dispatchers.ts"
import { endsIn, exchange } from "../../src/registry/Exchange.ts"
import { defaultLimits } from "../../src/registry/RegistryLimits.ts"
import { listening } from "../real/tokenServer.ts"
import { endpoint } from "./against.ts"

describe("X5: an address", () => {
  it.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::"
  ])("%s is not public", (address) => assert.isFalse(isPublicAddress(address)))

  it.each(["1.1.1.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "::ffff:1.1.1.1"])(
    "%s is public",
    (address) => assert.isTrue(isPublicAddress(address))
  )
})

describe("X5: a name that resolves to a private address", () => {
  it.effect("is refused, whether all addresses are asked for or one", () =>
    Effect.gen(function* () {
      for (const all of [true, false]) {
        const error = yield* Effect.callback<unknown>((resume) =>
          lookupPublic("localhost", { all }, (failure) => resume(Effect.succeed(failure)))
        )
        assert.propertyVal(error, "code", "EREFUSEDADDRESS")
      }
    })
  )

  it.effect("is not connected to, unless the config names it", () =>
    Effect.gen(function* () {
      let connections = 0
      const server = createServer((_, response) => response.end("{}")).on("connection", () => connections++)
      const port = yield* listening(server)
      const url = new URL(`http://localhost:${port}/token`)
      const request = { method: "GET", url, headers: {}, maxBytes: 100 } as const
      const ask = Effect.fnUntraced(function* (authRealms: ReadonlyArray<string>) {
        const of = endpoint("https://registry.example.test", { authRealms })
        const dispatcherOf = yield* openDispatchers(of, defaultLimits)
        return yield* exchange(dispatcherOf(url), defaultLimits, { ...request, endsAt: endsIn(5_000) })
      })
      const refused = yield* Effect.flip(ask([]))
      assert.include(refused.words, "which only a host named in the config may")
      assert.strictEqual(connections, 0)
      const answer = yield* ask([url.host])
      assert.deepStrictEqual([answer.status, connections], [200, 1])
    })
  )
})
