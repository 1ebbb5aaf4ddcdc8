import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Redacted, Scope } from "effect"
import type { RepositoryEvent } from "../../src/api/Events.ts"
import { limits } from "../../src/server/limits.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { noPostgres } from "../real/postgres.ts"
import { newFence, target } from "../store/rows.ts"
import { serve } from "./rig.ts"
import { call, served, tag } from "./v1.ts"
import { api, list, runs, world } from "./world.ts"

interface Told {
  readonly event: string
  readonly data: unknown
}

/** One listener; `until` reads on until an event is as wanted, and answers all that came since the last one. */
const listen = (origin: string, headers: Record<string, string> = {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const cut = new AbortController()
      const response = await fetch(`${origin}/v1/events`, { headers, signal: cut.signal })
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      let rest = ""
      const until = (isWanted: (told: Told) => boolean) =>
        Effect.promise(async () => {
          const heard: Array<Told> = []
          for (;;) {
            const { value, done } = (await reader?.read()) ?? { done: true, value: undefined }
            if (done) return [...heard, { event: "end", data: null }]
            const parts = (rest + value).split("\n\n")
            rest = parts.pop() ?? ""
            for (const part of parts) {
              const [, event = "comment", data = "null"] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? []
              heard.push({ event, data: JSON.parse(data) })
            }
            if (heard.some(isWanted)) return heard
          }
        })
      return { response, until, cut: () => cut.abort() }
    }),
    ({ cut }) => Effect.sync(cut)
  )

const repositoryOf = ({ event, data }: Told) => (event === "repository" ? (data as RepositoryEvent) : null)
const named = (name: string) => (told: Told) => repositoryOf(told)?.name === name

const withLimits = <A, E, R>(
  change: Partial<typeof limits.listeners>,
  test: (origin: string) => Effect.Effect<A, E, R>
) =>
  serve({}, { listeners: { ...limits.listeners, ...change } }).pipe(
    Effect.flatMap(test),
    Effect.provide(world),
    Effect.scoped
  )

const says = (words: RegExp) => (told: Told) =>
  told.event === "trouble" && words.test(JSON.stringify(told.data))

describe.skipIf(noPostgres)("the event stream", () => {
  it.live("tells all there is, then what changes and nothing else", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        yield* list(["v1.0.0", "v1.1.0"])
        yield* runs("v1.0.0")
        const { response, until } = yield* listen(origin)
        assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
        const first = yield* until(named("team/api"))
        assert.deepStrictEqual(first[0], {
          event: "begin",
          data: { repositories: ["api", "team/api", "planned"] }
        })
        const shown = first.map(repositoryOf).find((one) => one?.name === api)
        assert.deepNestedInclude(shown, {
          runs: ["v1.0.0"],
          "elected.tag": "v1.1.0",
          "desired.generation": 1
        })
        assert.strictEqual(
          shown?.why,
          "api runs v1.0.0, and nothing was decided yet: no instance that watches it has led."
        )
        yield* store.saveDecision(api, { _tag: "Follow", words: "v1.1.0: 1 of 2" })
        const [decided, ...more] = yield* until(named("api"))
        assert.deepStrictEqual([more, decided && repositoryOf(decided)?.decision?.decision], [[], "follow"])
        yield* call(origin, "PATCH api", { auto_deploy: false })
        const [ordered] = yield* until(named("api"))
        assert.deepNestedInclude(ordered && repositoryOf(ordered), {
          "desired.generation": 2,
          "desired.auto_deploy": false
        })
        yield* list(["v1.0.0", "v1.1.0", "v1.2.0"])
        const [listed] = yield* until(named("api"))
        assert.strictEqual(listed && repositoryOf(listed)?.elected?.tag, "v1.2.0")
        yield* runs("v1.1.0")
        const [observed] = yield* until(named("api"))
        assert.deepStrictEqual(observed && repositoryOf(observed)?.runs, [tag("v1.1.0")])
        const { pool } = yield* Database
        yield* store.touch([api])
        yield* pool.unsafe("update checked set checked_at = now() - interval '1 hour'")
        const [silent] = yield* until(named("api"))
        assert.isTrue(silent && repositoryOf(silent)?.stale)
        yield* store.touch([api])
        const [answers] = yield* until(named("api"))
        assert.isFalse(answers && repositoryOf(answers)?.stale)
      })
    )
  )

  it.live(
    "X22: tells a token for some repositories of those alone, the moves that the brake stops among them",
    () =>
      served((origin) =>
        Effect.gen(function* () {
          const store = yield* StateStore
          const tokens = yield* Tokens
          const made = yield* tokens.create({ name: "one", role: "read", repositories: ["api"] }, null)
          const { until } = yield* listen(origin, {
            authorization: `Bearer ${made === null ? "" : Redacted.value(made)}`
          })
          const first = yield* until(named("api"))
          assert.deepStrictEqual(first[0]?.data, { repositories: ["api"] })
          const names = first.flatMap((told) => repositoryOf(told)?.name ?? [])
          assert.deepStrictEqual(names, [api])
          const planned = { repository: tag("planned") as never, ...target("v2") }
          yield* store.pullBrake(yield* newFence, [planned, { repository: api, ...target("v2") }])
          const heard = yield* until(
            ({ event, data }) => event === "brake" && JSON.stringify(data).includes("v2")
          )
          assert.notInclude(JSON.stringify(heard), "planned")
        })
      )
  )

  it.live("X8: nobody listens without a token where there is one", () =>
    served((origin) =>
      Effect.gen(function* () {
        yield* (yield* Tokens).create({ name: "one", role: "read", repositories: null }, null)
        const { response } = yield* listen(origin)
        assert.strictEqual(response.status, 401)
      })
    )
  )

  it.live("says that the database does not answer, and when it does again", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { pool } = yield* Database
        const { until } = yield* listen(origin)
        yield* until(named("api"))
        yield* pool.unsafe("alter table brake rename to gone")
        yield* until(says(/does not answer/))
        yield* pool.unsafe("alter table gone rename to brake")
        yield* until(says(/null/))
      })
    )
  )

  it.live("L8: no more listen at once than may, in all and of one caller; who goes makes room", () =>
    Effect.forEach([{ atOnce: 1 }, { ofOne: 1 }], (change) =>
      withLimits(change, (origin) =>
        Effect.gen(function* () {
          const { until, cut } = yield* listen(origin)
          yield* until(named("api"))
          const second = yield* listen(origin)
          assert.strictEqual(second.response.status, 429)
          cut()
          let status = 429
          while (status === 429) status = (yield* listen(origin)).response.status
          assert.strictEqual(status, 200)
        })
      )
    )
  )

  it.live("says something while nothing changes, and ends, so that a revoked token reads no longer", () =>
    withLimits({ heartbeat: Duration.millis(50), last: Duration.millis(500) }, (origin) =>
      Effect.gen(function* () {
        const { until } = yield* listen(origin)
        yield* until(({ event }) => event === "comment")
        assert.strictEqual((yield* until(({ event }) => event === "end")).at(-1)?.event, "end")
      })
    )
  )

  it.live("X11: a server that stops waits for no listener", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const origin = yield* serve({}, { drainWithin: Duration.seconds(15) }).pipe(Scope.provide(scope))
      const { until } = yield* listen(origin)
      yield* until(named("api"))
      yield* Effect.timeout(Scope.close(scope, Exit.void), "5 seconds")
      assert.deepStrictEqual(yield* until(() => false), [{ event: "end", data: null }])
    }).pipe(Effect.provide(world), Effect.scoped)
  )
})
