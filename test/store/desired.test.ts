import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber, Queue, Stream } from "effect"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, leading, newFence, person, target, versionsOf, watched } from "./rows.ts"

const v1 = Tag.make("v1")
const v2 = Tag.make("v2")

describe.skipIf(noPostgres)("desired state", () =>
  layer(layerFreshStore)((it) => {
    it.effect("adopt makes a row that follows versions, and opens no request", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const row = yield* store.desired(api)
        assert.deepInclude(row, {
          pinnedTag: "",
          autoDeploy: true,
          generation: 1,
          requestedGeneration: null,
          baselineAt: null
        })
      })
    )

    it.effect("adopt leaves a row that is there as it is", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const before = yield* store.change({ repository: api, pinnedTag: v1, ...person })
        yield* store.adopt([watched(api)])
        assert.deepEqual(yield* store.desired(api), before)
      })
    )

    it.effect("S20: mapped to another job, that job is seen for the first time", () =>
      Effect.gen(function* () {
        const { store, fence, api } = yield* leading
        yield* store.setBaseline(fence, api, { tag: v1, digest: null, raiseTo: null })
        yield* store.adopt([watched(api)])
        assert.strictEqual((yield* store.desired(api)).baselineTag, v1)
        const { mapping, ...rest } = watched(api)
        yield* store.adopt([{ ...rest, mapping: { ...mapping, job: { ...mapping.job, job: "another" } } }])
        assert.deepInclude(yield* store.desired(api), { baselineTag: null, baselineAt: null, generation: 1 })
      })
    )

    it.effect("S14: pin and switch change together, and raise the generation by one", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const changed = yield* store.change({
          repository: api,
          pinnedTag: v1,
          autoDeploy: false,
          request: "pin",
          ...person
        })
        assert.deepInclude(changed, {
          pinnedTag: v1,
          autoDeploy: false,
          generation: 2,
          requestedGeneration: 2,
          requestKind: "pin" as const,
          requestedBy: "ann",
          updatedBy: "ann",
          highWaterMark: v1
        })
        assert.deepEqual(yield* store.desired(api), changed)
      })
    )

    it.effect("values that stand already raise nothing, and no row of the audit", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const before = yield* store.desired(api)
        const after = yield* store.change({ repository: api, pinnedTag: "", autoDeploy: true, ...person })
        assert.deepEqual(after, before)
        assert.lengthOf(yield* pool`select from audit where repository = ${api}`, 0)
      })
    )

    it.effect("S14: of twenty changes at once none is lost", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const change = store.change({ repository: api, request: "redeploy", ...person })
        const all = yield* Effect.all(
          Array.from({ length: 20 }, () => change),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(all.map(({ generation }) => generation)).size, 20)
        assert.strictEqual((yield* store.desired(api)).requestedGeneration, 21)
      })
    )

    it.effect("a newer request replaces the open one; a switch drops none", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.change({ repository: api, request: "redeploy", ...person })
        yield* store.change({ repository: api, request: "reset", by: "bob", from: "::1" })
        const after = yield* store.change({ repository: api, autoDeploy: false, ...person })
        assert.deepInclude(after, {
          generation: 4,
          requestedGeneration: 3,
          requestKind: "reset" as const,
          requestedBy: "bob"
        })
      })
    )

    it.effect("X20: a change is audited with who, from where, and both values", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* store.change({ repository: api, pinnedTag: v1, request: "pin", ...person })
        const rows =
          yield* pool`select who, address, action, before, after from audit where repository = ${api}`
        assert.deepEqual(rows, [
          {
            who: "ann",
            address: "127.0.0.1",
            action: "pin",
            before: { pinnedTag: "", autoDeploy: true, generation: 1 },
            after: { pinnedTag: "v1", autoDeploy: true, generation: 2 }
          }
        ])
      })
    )

    it.effect("`lift` ends the quarantine of that digest, and of no other nor for another repository", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const other = watched(`${api}-other`)
        yield* store.adopt([other])
        yield* pool`insert into quarantine (repository, digest, why)
          select r, d, 'failed'
          from unnest(${[api, other.name]}::text[]) r, unnest(${[digest("v1"), digest("v2")]}::text[]) d`
        yield* store.change({
          repository: api,
          pinnedTag: v1,
          request: "pin",
          lift: digest("v1"),
          ...person
        })
        const left =
          yield* pool`select digest from quarantine where repository like ${`${api}%`} order by repository, digest`
        assert.sameDeepMembers(
          [...left],
          [digest("v1"), digest("v2"), digest("v2")].map((each) => ({ digest: each }))
        )
      })
    )

    it.effect("a pin that is no tag is refused by the table (X14)", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const bad = "v1'; drop table repository; --" as Tag
        const error = yield* Effect.flip(store.change({ repository: api, pinnedTag: bad, ...person }))
        assert.strictEqual(error.reason._tag, "StoreCorrupt")
        assert.isFalse(error.isRetryable)
        assert.strictEqual((yield* store.desired(api)).pinnedTag, "")
      })
    )

    it.effect("closeRequest closes that request, and neither another nor with an old fence", () =>
      Effect.gen(function* () {
        const { store, fence, api } = yield* leading
        const { generation } = yield* store.change({ repository: api, request: "reset", ...person })
        yield* store.closeRequest(fence, api, generation - 1)
        assert.strictEqual((yield* store.desired(api)).requestedGeneration, generation)
        const standing = yield* newFence
        yield* store.closeRequest(fence, api, generation)
        assert.strictEqual((yield* store.desired(api)).requestedGeneration, generation)
        yield* store.closeRequest(standing, api, generation)
        assert.deepInclude(yield* store.desired(api), {
          generation,
          requestedGeneration: null,
          requestKind: null,
          requestedBy: null
        })
      })
    )

    it.effect("S20: first sight is stored with or without an image, and only by the leader", () =>
      Effect.gen(function* () {
        const { store, fence, api } = yield* leading
        yield* store.setBaseline({ ...fence, epoch: fence.epoch - 1 }, api, {
          ...target("v1"),
          raiseTo: v1
        })
        assert.isNull((yield* store.desired(api)).baselineAt)
        yield* store.setBaseline(fence, api, { tag: null, digest: null, raiseTo: null })
        const first = yield* store.desired(api)
        assert.isNotNull(first.baselineAt)
        yield* store.setBaseline(fence, api, { ...target("v1"), raiseTo: v1 })
        const second = yield* store.desired(api)
        assert.deepInclude(second, { baselineTag: v1, baselineDigest: digest("v1"), highWaterMark: v1 })
        yield* store.setBaseline(fence, api, { ...target("v1"), raiseTo: null })
        const third = yield* store.desired(api)
        assert.strictEqual(third.highWaterMark, v1)
        assert.isTrue((third.baselineAt ?? 0) > (second.baselineAt ?? 0))
        assert.strictEqual(third.generation, 1)
      })
    )

    it.effect("a repository that nobody adopted is an error of that call", () =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const error = yield* Effect.flip(store.desired(RepositoryName.make("nobody")))
        assert.strictEqual(error.call, "StateStore.desired")
        assert.strictEqual(error.reason._tag, "StoreCorrupt")
      })
    )
  })
)

describe.skipIf(noPostgres)("changes", () =>
  layer(layerFreshStore, { excludeTestServices: true })((it) => {
    it.effect("tells each change of desired state, and `null` after every new connection", () =>
      Effect.gen(function* () {
        const { store, pool, fence, api } = yield* leading
        const told = yield* Queue.unbounded<string | null>()
        const fiber = yield* Effect.forkScoped(
          Stream.runForEach(store.changes, (name) => Queue.offer(told, name))
        )
        assert.isNull(yield* Queue.take(told))
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        assert.strictEqual(yield* Queue.take(told), api)
        // Neither of these is a change by a person.
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        yield* store.setBaseline(fence, api, { ...target("v1"), raiseTo: null })
        yield* pool`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query ilike 'listen%'`
        assert.isNull(yield* Queue.take(told))
        yield* store.change({ repository: api, request: "reset", ...person })
        assert.strictEqual(yield* Queue.take(told), api)
        yield* Fiber.interrupt(fiber)
      }).pipe(Effect.scoped, Effect.timeout("10 seconds"))
    )
  })
)

describe.skipIf(noPostgres)("the predecessor's table", () => {
  const old = Effect.fnUntraced(function* (rows: string) {
    const { pool } = yield* Database
    yield* pool`create table deployed_repository_version (
      repository_name text, pinned_tag text, auto_deploy boolean)`
    yield* pool.unsafe(`insert into deployed_repository_version values ${rows}`)
    return pool
  })

  it.effect("its rows are taken over, without a request, and kept in step", () =>
    Effect.gen(function* () {
      const store = yield* StateStore
      const pool = yield* old(`('a', 'v1', true), ('b', '', false), ('elsewhere', 'v9', true)`)
      yield* store.adopt(["a", "b", "c"].map(watched))
      const [a, b, c] = yield* Effect.forEach(["a", "b", "c"], (name) =>
        store.desired(RepositoryName.make(name))
      )
      assert.deepInclude(a, {
        pinnedTag: v1,
        autoDeploy: true,
        highWaterMark: v1,
        generation: 1,
        requestedGeneration: null
      })
      assert.deepInclude(b, { pinnedTag: "", autoDeploy: false, highWaterMark: null })
      assert.deepInclude(c, { pinnedTag: "", autoDeploy: true })
      yield* store.change({ repository: RepositoryName.make("a"), pinnedTag: "", ...person })
      yield* store.change({ repository: RepositoryName.make("c"), autoDeploy: false, ...person })
      assert.deepEqual(yield* pool`select * from deployed_repository_version order by repository_name`, [
        { repository_name: "a", pinned_tag: "", auto_deploy: true },
        { repository_name: "b", pinned_tag: "", auto_deploy: false },
        { repository_name: "c", pinned_tag: "", auto_deploy: false },
        { repository_name: "elsewhere", pinned_tag: "v9", auto_deploy: true }
      ])
    }).pipe(Effect.provide(layerFreshStore))
  )

  it.effect.each([
    ["a pin that it set", `('a', 'v2', true)`, { pinnedTag: v2, autoDeploy: true, highWaterMark: v2 }],
    ["a switch", `('a', 'v1', false)`, { pinnedTag: v1, autoDeploy: false, highWaterMark: v1 }],
    [
      "its defaults, where it had other ones",
      `('a', '', true)`,
      { pinnedTag: "", autoDeploy: true, highWaterMark: v1 }
    ],
    ["a pin of a repository that it did not know", `('c', 'v2', true)`, { pinnedTag: v2, autoDeploy: true }],
    [
      "no defaults that it made for one that it did not know",
      `('c', '', true)`,
      { pinnedTag: "", autoDeploy: false }
    ],
    ["no pin that is no tag", `('a', 'not a tag', true)`, { pinnedTag: v1, autoDeploy: true }]
  ] as const)("back again: takes over %s, while it ran", ([, row, expected]) =>
    Effect.gen(function* () {
      const store = yield* StateStore
      const pool = yield* old(`('a', 'v1', true)`)
      yield* store.adopt(["a", "c"].map(watched))
      yield* pool`drop table deployed_repository_version`
      yield* store.change({ repository: RepositoryName.make("c"), autoDeploy: false, ...person })
      yield* old(row)
      yield* store.adopt(["a", "c"].map(watched))
      const name = RepositoryName.make(row.includes("'a'") ? "a" : "c")
      const desired = yield* store.desired(name)
      assert.deepInclude(desired, { ...expected, requestedGeneration: null })
      const before = yield* versionsOf("repository", "audit")
      yield* store.adopt(["a", "c"].map(watched))
      assert.deepEqual(yield* versionsOf("repository", "audit"), before)
    }).pipe(Effect.provide(layerFreshStore))
  )

  it.effect("a pin that is no tag is not taken over, and nothing moves by itself then", () =>
    Effect.gen(function* () {
      const store = yield* StateStore
      const pool = yield* old(`('a', 'not a tag', true), ('b', null, null)`)
      yield* store.adopt(["a", "b"].map(watched))
      assert.deepInclude(yield* store.desired(RepositoryName.make("a")), {
        pinnedTag: "",
        autoDeploy: false,
        highWaterMark: null
      })
      assert.deepInclude(yield* store.desired(RepositoryName.make("b")), { pinnedTag: "", autoDeploy: true })
      const [, audited] =
        yield* pool`select repository, before ->> 'pinnedTag' as pin from audit order by repository desc`
      assert.deepEqual(audited, { repository: "a", pin: "not a tag" })
    }).pipe(Effect.provide(layerFreshStore))
  )

  it.effect("is not made where it is not", () =>
    Effect.gen(function* () {
      const { store, api, pool } = yield* leading
      yield* store.change({ repository: api, pinnedTag: v1, ...person })
      assert.deepEqual(yield* pool`select to_regclass('deployed_repository_version') as it`, [{ it: null }])
    }).pipe(Effect.provide(layerFreshStore))
  )

  it.effect("a second adopt of everything writes nothing (L2)", () =>
    Effect.gen(function* () {
      const store = yield* StateStore
      yield* old(`('a', 'v1', true)`)
      yield* store.adopt(["a", "b"].map(watched))
      const before = yield* versionsOf("repository", "audit", "deployed_repository_version")
      yield* store.adopt(["a", "b"].map(watched))
      assert.deepEqual(yield* versionsOf("repository", "audit", "deployed_repository_version"), before)
    }).pipe(Effect.provide(layerFreshStore))
  )
})
