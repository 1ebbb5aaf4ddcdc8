import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { AttemptId } from "../../src/domain/Attempt.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Target } from "../../src/domain/Target.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { jobOf, leading, seen, target, watched } from "./rows.ts"

const ended = {
  outcome: "succeeded" as const,
  words: "",
  nomadVersion: null,
  deploymentId: null,
  blame: null,
  swallowed: false,
  baseline: null,
  raise: null
}
const tagsOf = (...names: ReadonlyArray<string>) => names.map((name) => Tag.make(name))

describe.skipIf(noPostgres)("history", () =>
  layer(layerFreshStore)((it) => {
    it.effect("of a new repository it is empty", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const { readAt, ...rest } = (yield* store.remembered(api, jobOf(api), [])).history
        // The server's clock is this machine's.
        assert.approximately(readAt.getTime(), Date.now(), 60_000)
        assert.deepEqual(rest, {
          openAttempt: null,
          rolling: [],
          lastAccepted: null,
          lastRejected: null,
          ran: [],
          quarantine: [],
          markers: new Map(),
          foreignWritesLastHour: 0
        })
      })
    )

    it.effect("the job's open and rolling attempts are of whichever repository, the last ones of this", () =>
      Effect.gen(function* () {
        const { store, fence, api, intent, accepted } = yield* leading
        const other = watched(`${api}-other`)
        yield* store.adopt([other])
        const mine = yield* accepted()
        const theirs = yield* accepted({ repository: other.name, to: target("v7") })
        const open = intent({ repository: other.name })
        yield* store.intend(fence, open)
        yield* store.submit(fence, open.id)
        const history = (yield* store.remembered(api, jobOf(api), [])).history
        assert.strictEqual(history.openAttempt?.id, open.id)
        assert.deepEqual(
          history.rolling.map(({ id }) => id),
          [theirs.id, mine.id]
        )
        assert.strictEqual(history.lastAccepted?.id, mine.id)
        assert.deepEqual(history.lastAccepted, (yield* store.attempts(api, 1))[0])
        yield* store.move(fence, open.id, "rejected", "no such driver")
        assert.isNull((yield* store.remembered(api, jobOf(api), [])).history.lastRejected)
        const { lastRejected } = (yield* store.remembered(other.name, jobOf(api), [])).history
        assert.deepInclude(lastRejected, { id: open.id, words: "no such driver" })
      })
    )

    it.effect("what ran: targets newest first, each once, what the first replaced, then the baseline", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted, intent } = yield* leading
        for (const tag of ["v2", "v3", "v2"]) {
          const { id } = yield* accepted({ from: target("v1"), to: target(tag) })
          yield* store.end(fence, { ...ended, attempt: id })
        }
        const never = intent({ to: target("v9") })
        yield* store.intend(fence, never)
        yield* store.move(fence, never.id, "aborted", "")
        yield* store.setBaseline(fence, api, { ...seen("v0"), raiseTo: null })
        assert.deepEqual(
          (yield* store.remembered(api, jobOf(api), [])).history.ran,
          tagsOf("v2", "v3", "v1", "v0")
        )
        const election = (yield* store.elections([api])).get(api)
        assert.deepEqual(election, { ran: tagsOf("v2", "v3", "v1", "v0"), quarantine: [] })
      })
    )

    it.effect("what ran goes back fifty attempts, and no further", () =>
      Effect.gen(function* () {
        const { pool, fence, api, store } = yield* leading
        yield* pool`
          insert into attempt (id, repository, region, namespace, job, generation, reason, from_tag, to_tag, to_digest,
            image_sent, base_index, base_version, epoch, holder, state)
          select gen_random_uuid(), ${api}, '', 'default', ${api}, 1, 'new_version', 'v' || n - 1, 'v' || n,
            ${target("v1").digest}, '', 1, 1, ${fence.epoch}, ${fence.holder}::uuid, 'succeeded'
          from generate_series(1, 200) n`
        const { ran } = (yield* store.remembered(api, jobOf(api), [])).history
        assert.lengthOf(ran, 51)
        assert.deepEqual([ran[0], ran.at(-1)], tagsOf("v200", "v150"))
      })
    )

    it.effect("elections of many come in one statement, an entry for each", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const others = Array.from({ length: 50 }, (_, n) => watched(`${api}-${n}`))
        yield* store.adopt(others)
        const elections = yield* store.elections([api, ...others.map(({ name }) => name)])
        assert.strictEqual(elections.size, 51)
      })
    )

    it.effect("S20: a marker has its target, or was adopted, or is unknown", () =>
      Effect.gen(function* () {
        const { store, pool, api, accepted } = yield* leading
        const ours = yield* accepted()
        const [adopted, unknown] = [AttemptId.make(randomUUID()), AttemptId.make(randomUUID())]
        yield* pool`insert into adopted_marker (marker, who) values (${adopted}::uuid, 'ann')`
        const { markers } = (yield* store.remembered(api, jobOf(api), [ours.id, adopted, unknown])).history
        assert.deepEqual(
          markers,
          new Map<AttemptId, Target | "adopted">([
            [adopted, "adopted"],
            [ours.id, target("v2")]
          ])
        )
      })
    )

    it.effect(
      "S12: one write counts once, whoever counts it; the same images again after ours are another",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, accepted } = yield* leading
          yield* store.setBaseline(fence, api, { ...seen("v2"), raiseTo: null })
          const count = (images: string) => store.countForeignWrite(api, jobOf(api), images, "")
          const counted = [yield* count("v1"), yield* count("v1"), yield* count("v0"), yield* count("v1")]
          yield* accepted()
          counted.push(yield* count("v1"), yield* count("v1"))
          assert.deepEqual(counted, [true, false, true, true, true, false])
        })
    )

    it.effect("S12: foreign writes are counted for an hour, those of this repository", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const other = watched(`${api}-other`)
        yield* store.adopt([other])
        yield* pool`insert into audit (at, who, action, repository)
          values (now() - interval '61 minutes', 'somebody else', 'foreign write', ${api})`
        yield* store.countForeignWrite(api, jobOf(api), "v1", "v1 instead of v2")
        yield* store.countForeignWrite(api, jobOf(api), "v0", "v0 instead of v2")
        yield* store.countForeignWrite(other.name, jobOf(api), "v1", "v1 instead of v2")
        assert.strictEqual((yield* store.remembered(api, jobOf(api), [])).history.foreignWritesLastHour, 2)
      })
    )
  })
)
