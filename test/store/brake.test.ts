import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Move } from "../../src/domain/BrakeState.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { acceptedAttempt, digest, leading, newFence, person } from "./rows.ts"

const [v1, v2] = [Tag.make("v1"), Tag.make("v2")]
const listing = (...names: ReadonlyArray<string>) => ({
  tags: names.map((name) => Tag.make(name)),
  suspect: null,
  fingerprint: "0"
})
const entry = { fingerprint: "0", isPinned: false }
const pinned = { fingerprint: "0", isPinned: true }
const move = (repository: string, tag = v2): Move => ({
  repository: repository as RepositoryName,
  tag,
  digest: digest(tag)
})

/** Whether a push explains the move of this repository to v2. */
const explained = Effect.fnUntraced(function* (repository: RepositoryName, of = entry) {
  const store = yield* StateStore
  return (yield* store.weighMove(move(repository), of)).isExplained
})

/** Off again, whatever a test before left. */
const released = Effect.gen(function* () {
  const { pool } = yield* Database
  yield* pool`delete from brake`
})

describe.skipIf(noPostgres)("the brake", () =>
  layer(layerFreshStore, { excludeTestServices: true })((it) => {
    it.effect("S17: a push explains what the first view did not have", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        assert.isFalse(yield* explained(api))
        yield* store.saveListing(api, listing("v1"))
        yield* store.saveListing(api, listing("v1", "v2"))
        assert.isTrue(yield* explained(api))
        // That it went and came again explains nothing new, nor hides anything.
        yield* store.saveListing(api, listing("v1"))
        yield* store.saveListing(api, listing("v1", "v2"))
        assert.isTrue(yield* explained(api))
      })
    )

    it.effect("S17: none explains what was in it, until its tag is pushed anew", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveListing(api, listing("v1", "v2"))
        yield* store.saveListing(api, listing("v1", "v2", "v3"))
        yield* store.saveDigest(api, v2, digest("v2"))
        assert.isFalse(yield* explained(api))
        yield* store.saveDigest(api, v2, digest("other"))
        assert.isTrue(yield* explained(api))
      })
    )

    it.effect("S17: a suspect listing is no first view", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveListing(api, { ...listing("v1"), suspect: "many_tags_gone" })
        yield* store.saveListing(api, listing("v1", "v2"))
        assert.isFalse(yield* explained(api))
      })
    )

    it.effect("S17: with another mapping or policy the next view is the first again", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveListing(api, listing("v1"))
        yield* store.saveListing(api, listing("v1", "v2"))
        assert.isFalse(yield* explained(api, { ...entry, fingerprint: "1" }))
        yield* store.saveListing(api, { ...listing("v1", "v2"), fingerprint: "1" })
        assert.isFalse(yield* explained(api, { ...entry, fingerprint: "1" }))
      })
    )

    it.effect("S17: so it is after somebody edited the row by SQL, who is heard of at once", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* store.saveListing(api, listing("v1"))
        yield* store.saveListing(api, listing("v1", "v2"))
        const { generation } = yield* store.desired(api)
        yield* pool`update repository set pinned_tag = pinned_tag, hold = null where name = ${api}`
        assert.isTrue(yield* explained(api))
        yield* pool`update repository set auto_deploy = false where name = ${api}`
        assert.strictEqual((yield* store.desired(api)).generation, generation + 1)
        assert.deepEqual(
          yield* pool`
            select who = session_user as who, after -> 'autoDeploy' as after from audit where action = 'edited by SQL'`,
          [{ who: true, after: false }]
        )
        assert.isFalse(yield* explained(api))
        // The very same listing is a new view.
        yield* store.saveListing(api, listing("v1", "v2"))
        assert.isFalse(yield* explained(api))
        yield* store.saveDigest(api, v2, digest("v2"))
        yield* store.saveDigest(api, v2, digest("other"))
        assert.isTrue(yield* explained(api))
      })
    )

    it.effect("S17: a person's switch is no edit", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveListing(api, listing("v1"))
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        yield* store.saveListing(api, listing("v1", "v2"))
        yield* store.change({ repository: api, autoDeploy: true, ...person })
        assert.isTrue(yield* explained(api))
      })
    )

    it.effect("S17: under a pin the first look is the first view, and another digest later a push", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* store.saveDigest(api, v2, digest("a"), "0")
        assert.isFalse(yield* explained(api, pinned))
        yield* store.saveDigest(api, v2, digest("b"), "0")
        assert.isTrue(yield* explained(api, pinned))
        yield* pool`update repository set pinned_tag = 'v2' where name = ${api}`
        yield* store.saveDigest(api, v2, digest("c"), "0")
        assert.isFalse(yield* explained(api, pinned))
        yield* store.saveDigest(api, v2, null, "0")
        yield* store.saveDigest(api, v2, digest("c"), "0")
        assert.isFalse(yield* explained(api, pinned))
        yield* store.saveDigest(api, v2, digest("d"), "0")
        assert.isTrue(yield* explained(api, pinned))
      })
    )

    it.effect("S17: a pinned tag that was missing and is there then was pushed", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveDigest(api, v2, null, "0")
        yield* store.saveDigest(api, v2, digest("a"), "0")
        assert.isTrue(yield* explained(api, pinned))
      })
    )

    it.effect("S17: one brake stands; what it stops is added, a repository's latest move alone", () =>
      Effect.gen(function* () {
        const { store, fence } = yield* leading
        yield* released
        assert.isNull(yield* store.brake)
        assert.isTrue(yield* store.pullBrake(fence, [move("a"), move("b")]))
        assert.isFalse(yield* store.pullBrake(fence, [move("b")]))
        assert.isFalse(yield* store.pullBrake(fence, [move("b", v1), move("c")]))
        assert.deepInclude(yield* store.brake, {
          stopped: [move("a"), move("b", v1), move("c")],
          releasedAt: null,
          released: null
        })
      })
    )

    it.effect("S1: S17: who leads no more pulls no brake", () =>
      Effect.gen(function* () {
        const { store, fence } = yield* leading
        yield* released
        yield* newFence
        assert.isFalse(yield* store.pullBrake(fence, [move("a")]))
        assert.isNull(yield* store.brake)
      })
    )

    it.effect("S17: a release names what it lets go, each once, and only of the brake that it means", () =>
      Effect.gen(function* () {
        const { store, fence, pool, api } = yield* leading
        yield* released
        yield* store.pullBrake(fence, [move(api), move("b")])
        const { id } = (yield* store.brake) ?? { id: 0 }
        assert.isNull(yield* store.releaseBrake({ brake: id + 1, ...person }))
        assert.deepInclude(yield* store.weighMove(move(api), entry), { isStopped: true, isReleased: false })
        assert.deepEqual(yield* store.releaseBrake({ brake: id, ...person }), [move(api), move("b")])
        assert.isNull(yield* store.releaseBrake({ brake: id, ...person }))
        assert.deepInclude(yield* store.brake, { releasedBy: "ann", released: [move(api), move("b")] })
        assert.deepEqual(
          yield* pool`select who, action from audit where action like 'brake%' order by id desc limit 2`,
          [
            { who: "ann", action: "brake released" },
            { who: "registrywatcher", action: "brake pulled" }
          ]
        )
        const weigh = (of: Move) => Effect.map(store.weighMove(of, entry), ({ isReleased }) => isReleased)
        assert.deepInclude(yield* store.weighMove(move(api), entry), { isStopped: false, isReleased: true })
        assert.isTrue(yield* weigh({ ...move(api), digest: null }))
        assert.isFalse(yield* weigh({ ...move(api), digest: digest("other") }))
        assert.isFalse(yield* weigh(move(api, v1)))
        assert.isFalse(yield* weigh(move("c")))
        yield* acceptedAttempt(fence, {
          repository: api,
          job: { region: "", namespace: "default", job: api },
          to: { tag: v2, digest: digest("v2") }
        })
        assert.isFalse(yield* weigh(move(api)))
      })
    )

    it.effect("S17: a release may name some alone", () =>
      Effect.gen(function* () {
        const { store, fence, api } = yield* leading
        yield* released
        yield* store.pullBrake(fence, [move(api), move("b")])
        const { id } = (yield* store.brake) ?? { id: 0 }
        assert.deepEqual(yield* store.releaseBrake({ brake: id, repositories: [api], ...person }), [
          move(api)
        ])
        const b = yield* store.weighMove(move("b"), entry)
        assert.deepInclude(b, { isStopped: false, isReleased: false })
      })
    )
  })
)
