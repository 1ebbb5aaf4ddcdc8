import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Queue, Redacted, Stream } from "effect"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { Database } from "../../src/store/Database.ts"
import type { Told } from "../../src/store/changes.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { freshDatabase, layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, leading, newFence, person, seen, target, versionsOf, watched } from "./rows.ts"

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
        yield* store.setBaseline(fence, api, { tag: v1, digest: null, ofAll: true, raiseTo: null })
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

    it.effect("a pin that asks for nothing drops the open request: it is an order as well", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.change({
          repository: api,
          pinnedTag: v1,
          request: "pin",
          requestTag: v1,
          requestDigest: digest("a"),
          ...person
        })
        const after = yield* store.change({ repository: api, pinnedTag: "", ...person })
        assert.deepInclude(after, {
          generation: 3,
          pinnedTag: "",
          requestedGeneration: null,
          requestKind: null,
          requestedBy: null,
          requestTag: null,
          requestDigest: null
        })
        yield* store.change({ repository: api, request: "redeploy", requestTag: v1, ...person })
        const same = yield* store.change({ repository: api, pinnedTag: "", ...person })
        assert.deepInclude(same, { generation: 5, requestedGeneration: null, requestTag: null })
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
            after: { pinnedTag: "v1", autoDeploy: true, generation: 2, request: "pin" }
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

    it.effect("S14: a change for another generation changes nothing, and names the one that there is", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* pool`insert into quarantine (repository, digest, why) values (${api}, ${digest("v1")}, 'failed')`
        const change = {
          repository: api,
          pinnedTag: v1,
          request: "pin",
          lift: digest("v1"),
          ...person
        } as const
        const stale = yield* Effect.flip(store.change({ ...change, expected: 2 }))
        assert.deepInclude(stale, { _tag: "StaleGeneration", repository: api, generation: 1 })
        assert.deepInclude(yield* store.desired(api), { pinnedTag: "", generation: 1, requestKind: null })
        assert.lengthOf(yield* pool`select from quarantine where repository = ${api}`, 1)
        assert.lengthOf(yield* pool`select from audit where repository = ${api}`, 0)
        assert.strictEqual((yield* store.change({ ...change, expected: 1 })).generation, 2)
      })
    )

    it.effect("S14: of two people who were shown the same generation one is refused", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const change = store.change({ repository: api, request: "redeploy", expected: 1, ...person })
        const tried = yield* Effect.all([Effect.result(change), Effect.result(change)], { concurrency: 2 })
        assert.sameMembers(
          tried.map(({ _tag }) => _tag),
          ["Success", "Failure"]
        )
        assert.strictEqual((yield* store.desired(api)).generation, 2)
      })
    )

    it.effect("a hold is set, stays through a switch and a request, and is lifted; each audited", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const hold = {
          by: "ann",
          why: "freeze",
          until: new Date("2030-01-01T00:00:00Z"),
          resume: "next_version" as const,
          left: target("v2")
        }
        const held = yield* store.change({ repository: api, hold, ...person })
        assert.deepInclude(held, { hold, generation: 2, requestedGeneration: null })
        const again = yield* store.change({ repository: api, hold, ...person })
        assert.strictEqual(again.generation, 2)
        yield* store.change({ repository: api, autoDeploy: false, request: "redeploy", ...person })
        assert.deepEqual((yield* store.desired(api)).hold, hold)
        assert.deepInclude(yield* store.change({ repository: api, hold: null, ...person }), {
          hold: null,
          generation: 4,
          requestKind: "redeploy" as const
        })
        const rows = yield* pool<{ readonly action: string; readonly of: string | null }>`
          select action, after #>> '{hold,why}' as of from audit where repository = ${api} order by id`
        assert.deepEqual(
          rows.map(({ action, of }) => [action, of]),
          [
            ["hold", "freeze"],
            ["redeploy", "freeze"],
            ["hold lifted", null]
          ]
        )
      })
    )

    it.effect(
      "a rollback names its target and sets its hold in one change; the next request drops both names",
      () =>
        Effect.gen(function* () {
          const { store, pool, api } = yield* leading
          const hold = {
            by: "ann",
            why: "v2 is slow",
            until: null,
            resume: "next_version",
            left: target("v2")
          } as const
          const { tag, digest: of } = target("v1")
          const back = yield* store.change({
            repository: api,
            request: "rollback",
            requestTag: tag,
            requestDigest: of,
            hold,
            ...person
          })
          assert.deepInclude(back, {
            requestKind: "rollback",
            requestTag: tag,
            requestDigest: of,
            hold,
            generation: 2
          })
          const off = yield* store.change({ repository: api, autoDeploy: false, ...person })
          assert.deepInclude(off, { requestTag: tag, requestDigest: of, requestedGeneration: 2 })
          const [audited] = yield* pool`select after from audit where repository = ${api} order by id`
          assert.deepInclude(audited?.["after"], { request: "rollback", requestTag: tag, requestDigest: of })
          const later = yield* store.change({ repository: api, request: "reset", by: "bob", from: "::1" })
          assert.deepInclude(later, {
            requestKind: "reset",
            requestTag: null,
            requestDigest: null,
            requestedBy: "bob"
          })
        })
    )

    it.effect(
      "a hold that is over is dropped by the leader, of its generation only, and raises none (S15)",
      () =>
        Effect.gen(function* () {
          const { store, pool, fence, api, intent } = yield* leading
          const hold = { by: "ann", why: "freeze", until: null, resume: "manual", left: null } as const
          const { generation } = yield* store.change({ repository: api, hold, ...person })
          assert.isFalse(yield* store.endHold(fence, api, generation - 1))
          assert.isFalse(yield* store.endHold({ ...fence, epoch: fence.epoch - 1 }, api, generation))
          const open = intent({ generation })
          yield* store.intend(fence, open)
          assert.isTrue(yield* store.endHold(fence, api, generation))
          assert.deepInclude(yield* store.desired(api), { hold: null, generation, updatedBy: "ann" })
          assert.isFalse(yield* store.endHold(fence, api, generation))
          assert.isTrue(yield* store.submit(fence, open.id))
          const rows = yield* pool`select who, before #>> '{hold,why}' as of from audit
          where repository = ${api} and action = 'hold ended'`
          assert.deepEqual(rows, [{ who: "registrywatcher", of: "freeze" }])
        })
    )

    it.effect("a pin that is no tag is refused by the table (X14)", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const bad = "v1'; drop table repository; --" as Tag
        const refused = store.change({ repository: api, pinnedTag: bad, ...person })
        const error = yield* refused.pipe(Effect.catchTag("StaleGeneration", Effect.die), Effect.flip)
        assert.strictEqual(error.reason._tag, "StoreCorrupt")
        assert.isFalse(error.isRetryable)
        assert.strictEqual((yield* store.desired(api)).pinnedTag, "")
      })
    )

    it.effect("closeRequest closes that request, and neither another nor with an old fence", () =>
      Effect.gen(function* () {
        const { store, fence, api } = yield* leading
        const { generation } = yield* store.change({
          repository: api,
          request: "redeploy",
          requestTag: v1,
          requestDigest: digest("v1"),
          ...person
        })
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
          requestedBy: null,
          requestTag: null,
          requestDigest: null
        })
      })
    )

    it.effect("S20: first sight is stored with or without an image, and only by the leader", () =>
      Effect.gen(function* () {
        const { store, fence, api } = yield* leading
        yield* store.setBaseline({ ...fence, epoch: fence.epoch - 1 }, api, {
          ...seen("v1"),
          raiseTo: v1
        })
        assert.isNull((yield* store.desired(api)).baselineAt)
        yield* store.setBaseline(fence, api, { tag: null, digest: null, ofAll: true, raiseTo: null })
        const first = yield* store.desired(api)
        assert.isNotNull(first.baselineAt)
        yield* store.setBaseline(fence, api, { ...seen("v1"), raiseTo: v1 })
        const second = yield* store.desired(api)
        assert.deepInclude(second, { baselineTag: v1, baselineDigest: digest("v1"), highWaterMark: v1 })
        yield* store.setBaseline(fence, api, { ...seen("v1"), raiseTo: null })
        const third = yield* store.desired(api)
        assert.strictEqual(third.highWaterMark, v1)
        assert.isTrue((third.baselineAt ?? 0) > (second.baselineAt ?? 0))
        assert.strictEqual(third.generation, 1)
      })
    )

    it.effect("S20: S22: it says of all tasks that they ran it, until a baseline that does not", () =>
      Effect.gen(function* () {
        const { store, fence, api, pool } = yield* leading
        const baseline = Effect.map(store.desired(api), ({ baselineAt, baselineAllAt }) => ({
          baselineAt: baselineAt?.getTime(),
          baselineAllAt: baselineAllAt?.getTime()
        }))
        yield* store.setBaseline(fence, api, { ...seen("v1"), raiseTo: null })
        const ofAll = yield* baseline
        assert.isDefined(ofAll.baselineAt)
        assert.strictEqual(ofAll.baselineAllAt, ofAll.baselineAt)
        // As the release before sets one.
        yield* pool`update repository set baseline_at = now() where name = ${api}`
        assert.isTrue(((yield* baseline).baselineAt ?? 0) > (ofAll.baselineAt ?? 0))
        assert.strictEqual((yield* baseline).baselineAllAt, ofAll.baselineAllAt)
        yield* store.setBaseline(fence, api, { ...seen("v1"), ofAll: false, raiseTo: null })
        assert.isUndefined((yield* baseline).baselineAllAt)
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

/** In front of Postgres: what hangs up ends every connection, in order and without a word, as a proxy that goes does. */
const proxyTo = ({ hostname, port }: URL) =>
  Effect.suspend(() => {
    const open = new Set<Socket>()
    const server = createServer((client) => {
      const postgres = connect(Number(port), hostname)
      for (const socket of [client, postgres]) socket.on("error", () => socket.destroy())
      client.pipe(postgres).pipe(client)
      open.add(client)
    })
    const hangUp = () => {
      for (const client of open) client.end()
    }
    const listening = Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    })
    return Effect.acquireRelease(listening, () =>
      Effect.sync(() => {
        hangUp()
        server.close()
      })
    ).pipe(Effect.map((port) => ({ port, hangUp })))
  })

describe.skipIf(noPostgres)("changes", () => {
  it.live("L3: are listened for anew after a connection that ended without a word", () =>
    Effect.gen(function* () {
      const url = new URL(Redacted.value(yield* freshDatabase))
      const { port, hangUp } = yield* proxyTo(url)
      url.port = String(port)
      const store = yield* Layer.build(
        Layer.provide(StateStore.layer, Database.layerUrl(Redacted.make(url.href)))
      )
      const told = yield* Queue.unbounded<Told>()
      yield* Effect.forkScoped(
        Stream.runForEach(Context.get(store, StateStore).changes, (name) => Queue.offer(told, name))
      )
      assert.isNull(yield* Queue.take(told))
      hangUp()
      assert.isNull(yield* Queue.take(told))
    }).pipe(Effect.scoped, Effect.timeout("10 seconds"))
  )

  layer(layerFreshStore, { excludeTestServices: true })((it) => {
    it.effect("tells each change of desired state, and `null` after every new connection", () =>
      Effect.gen(function* () {
        const { store, pool, fence, api } = yield* leading
        const told = yield* Queue.unbounded<Told>()
        const fiber = yield* Effect.forkScoped(
          Stream.runForEach(store.changes, (name) => Queue.offer(told, name))
        )
        assert.isNull(yield* Queue.take(told))
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        assert.strictEqual(yield* Queue.take(told), api)
        // Neither of these is a change by a person.
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        yield* store.setBaseline(fence, api, { ...seen("v1"), raiseTo: null })
        yield* pool`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query ilike 'listen%'`
        assert.isNull(yield* Queue.take(told))
        yield* store.change({ repository: api, request: "reset", ...person })
        assert.strictEqual(yield* Queue.take(told), api)
        const before = yield* versionsOf("repository", "audit", "checked")
        yield* store.checkNow(RepositoryName.make("nobody"))
        yield* store.checkNow(api)
        assert.deepEqual(yield* Queue.take(told), { check: api })
        assert.deepEqual(yield* versionsOf("repository", "audit", "checked"), before)
        yield* Fiber.interrupt(fiber)
      }).pipe(Effect.scoped, Effect.timeout("10 seconds"))
    )
  })
})

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
      // As if somebody had edited the row: no push explains what follows from it (S17).
      const isTaken = desired.updatedBy === "registrywatcher" && desired.generation > 1
      assert.deepEqual(
        yield* pool`select edited_at is not null as edited from repository where name = ${name}`,
        [{ edited: isTaken }]
      )
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
