import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import type { Fault } from "../../src/sim/registry/Fault.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { api, clientOf, endpoint, simulated } from "./against.ts"
import { scripted } from "./scripted.ts"

const names = (count: number) => Array.from({ length: count }, (_, index) => `v${index}`)

const pushed = Effect.fnUntraced(function* (count: number) {
  const simulator = yield* RegistrySimulator
  for (const name of names(count)) yield* simulator.push("team/api", name, "one")
  return simulator
})

/** Paths asked for, without what stands before the query. */
const queries = Effect.map(
  Effect.flatMap(RegistrySimulator, ({ requests }) => requests),
  (requests) => requests.map(({ path }) => path.replace("/v2/team/api/tags/list", ""))
)

const listed = Effect.flatMap(RegistryClient, (client) => client.tags(api))
const refused = Effect.map(Effect.flip(listed), ({ reason }) => reason)

describe("RegistryClient.tags", () => {
  it.effect("S9: brings every page of a registry that pages, each once", () =>
    Effect.gen(function* () {
      yield* pushed(25)
      assert.sameMembers([...(yield* listed)], names(25))
      assert.strictEqual((yield* queries).length, 3)
    }).pipe(Effect.provide(simulated({ pageSize: 10 })))
  )

  it.effect("brings all of a registry that ignores n", () =>
    Effect.gen(function* () {
      yield* pushed(1_200)
      assert.strictEqual((yield* listed).length, 1_200)
      assert.deepStrictEqual(yield* queries, ["?n=1000"])
    }).pipe(Effect.provide(simulated({ paging: "none" })))
  )

  it.effect("asks once more where exactly n came without a link, and no more where nothing new comes", () =>
    Effect.gen(function* () {
      yield* pushed(1_000)
      assert.strictEqual((yield* listed).length, 1_000)
      assert.deepStrictEqual(yield* queries, ["?n=1000", "?n=1000&last=v999"])
    }).pipe(Effect.provide(simulated({ paging: "none", order: "creation" })))
  )

  it.effect("S9: goes on by the last tag where a registry pages without a link", () =>
    Effect.gen(function* () {
      yield* pushed(2_100)
      assert.strictEqual((yield* listed).length, 2_100)
      assert.deepStrictEqual(yield* queries, ["?n=1000", "?n=1000&last=v999", "?n=1000&last=v1999"])
    }).pipe(Effect.provide(simulated({ paging: "silent", order: "creation" })))
  )

  it.effect("is empty where the last tag was deleted, and RepositoryNotFound where there never was one", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refused)._tag, "RepositoryNotFound")
      const simulator = yield* pushed(1)
      assert.isTrue(yield* simulator.deleteTag("team/api", "v0"))
      assert.deepStrictEqual(yield* listed, [])
    }).pipe(Effect.provide(simulated()))
  )

  it.effect.each<readonly [string, Fault, string]>([
    ["the last page fails", { page: "last", status: 500 }, "Unavailable"],
    ["the last page is gone", { page: "last", status: 404 }, "Malformed"],
    ["the last page breaks off", { page: "last", truncate: true }, "Unavailable"],
    ["a page in the middle is no JSON", { page: 2, body: '{"name":"team/api","tags":["v1"' }, "Malformed"],
    ["a page is another repository's", { page: 2, body: '{"name":"team/other","tags":["v1"]}' }, "Malformed"],
    [
      "a link leads to another host",
      { page: 1, headers: { link: '<http://127.0.0.2/v2/team/api/tags/list?last=a>; rel="next"' } },
      "Malformed"
    ],
    [
      "a link leads to another repository",
      { page: 1, headers: { link: '</v2/team/other/tags/list?last=a>; rel="next"' } },
      "Malformed"
    ],
    ["a link leads back", { page: "last", headers: { link: '<?n=1000>; rel="next"' } }, "Malformed"],
    [
      "a page is compressed, though nobody asked",
      { page: 1, headers: { "content-encoding": "gzip" } },
      "Malformed"
    ]
  ])("S9, X4: brings nothing at all when %s", ([, fault, reason]) =>
    Effect.gen(function* () {
      const simulator = yield* pushed(25)
      yield* simulator.fault({ on: "tags", ...fault })
      assert.strictEqual((yield* refused)._tag, reason)
    }).pipe(Effect.provide(simulated({ pageSize: 10 })))
  )

  it.effect.each([
    ["tags", { tags: 24 }],
    ["pages", { pages: 2 }],
    ["bytes a page", { tagsPageBytes: 60 }]
  ] as const)("X13: brings nothing of a listing of more %s than the cap", ([, limits]) =>
    Effect.gen(function* () {
      yield* pushed(25)
      assert.strictEqual((yield* refused)._tag, "Malformed")
    }).pipe(Effect.provide(simulated({ pageSize: 10 }, {}, limits)))
  )

  it.effect("X13: stops at the caps, not below them", () =>
    Effect.gen(function* () {
      yield* pushed(25)
      assert.strictEqual((yield* listed).length, 25)
    }).pipe(Effect.provide(simulated({ pageSize: 10 }, {}, { tags: 25, pages: 3 })))
  )

  it.effect("X13: stops reading a body without end", () =>
    Effect.gen(function* () {
      const endless = yield* scripted((_, response) => {
        response.writeHead(200)
        const more = () => {
          if (!response.destroyed) response.write("x".repeat(65_536), more)
        }
        more()
      })
      const reason = yield* refused.pipe(
        Effect.provide(clientOf(endpoint(endless.origin), { tagsPageBytes: 1_000_000 }))
      )
      assert.strictEqual(reason._tag, "Malformed")
    })
  )

  it.effect("X14: asks nothing for an image path outside the grammar", () =>
    Effect.gen(function* () {
      const client = yield* RegistryClient
      for (const image of ["../secret", "team/api?x", "Team/api", "", "team//api"]) {
        const { reason } = yield* Effect.flip(client.tags({ registry: "local", image }))
        assert.strictEqual(reason._tag, "Malformed")
      }
      assert.deepStrictEqual(yield* queries, [])
    }).pipe(Effect.provide(simulated()))
  )
})
