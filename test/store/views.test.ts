import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Tag } from "../../src/domain/Tag.ts"
import type { Suspicion } from "../../src/domain/View.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, leading, person, versionsOf, watched } from "./rows.ts"

const tags = (...names: ReadonlyArray<string>) => names.map((name) => Tag.make(name))
const listing = (names: ReadonlyArray<string>, suspect: Suspicion | null = null) => ({
  tags: tags(...names),
  suspect,
  fingerprint: "0"
})
const [v1, v2] = [Tag.make("v1"), Tag.make("v2")]

describe.skipIf(noPostgres)("views", () =>
  layer(layerFreshStore, { excludeTestServices: true })((it) => {
    it.effect("there is none before the first answer of a registry", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        assert.isNull(yield* store.view(api))
        assert.strictEqual((yield* store.views([api])).size, 0)
      })
    )

    it.effect("L1: of however many repositories, none is left out", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const names = Array.from({ length: 205 }, (_, n) => watched(`${api}-${n}`).name)
        yield* store.adopt(names.map((name) => watched(name)))
        yield* pool`insert into repository_view (repository, listed_at) select unnest(${names}::text[]), now()`
        assert.strictEqual((yield* store.views(names)).size, names.length)
      })
    )

    it.effect("a listing comes back, and what left it is kept as gone", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* store.saveListing(api, listing(["v1", "v2", "v2"]))
        const first = yield* store.view(api)
        assert.sameMembers([...(first?.tags ?? [])], tags("v1", "v2"))
        yield* store.saveListing(api, listing(["v2", "v3"]))
        const second = (yield* store.views([api])).get(api)
        assert.sameMembers([...(second?.tags ?? [])], tags("v2", "v3"))
        assert.isTrue((second?.takenAt ?? 0) > (first?.takenAt ?? 0))
        assert.deepEqual(
          yield* pool`select tag, gone_at is not null as gone from tag where repository = ${api} order by tag`,
          [
            { tag: "v1", gone: true },
            { tag: "v2", gone: false },
            { tag: "v3", gone: false }
          ]
        )
        yield* store.saveListing(api, listing(["v1", "v2", "v3"]))
        assert.lengthOf((yield* store.view(api))?.tags ?? [], 3)
      })
    )

    it.effect("S9: a suspect listing adds what it has, and takes nothing away, until a good one comes", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveListing(api, listing(["v1", "v2"]))
        yield* store.saveListing(api, listing(["v3"], "many_tags_gone"))
        const suspect = yield* store.view(api)
        assert.strictEqual(suspect?.suspect, "many_tags_gone")
        assert.sameMembers([...(suspect?.tags ?? [])], tags("v1", "v2", "v3"))
        yield* store.saveListing(api, listing(["v3"]))
        assert.deepInclude(yield* store.view(api), { suspect: null, tags: tags("v3") })
      })
    )

    it.effect("S9: a suspect listing says what it lost, and since when it is the same", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const many = Array.from({ length: 12 }, (_, n) => `v${n}`)
        yield* store.saveListing(api, listing(many))
        const suspect = { ...listing(["v0"], "many_tags_gone"), running: tags("v11", "v0", "other") }
        const { doubt, believed } = yield* store.saveListing(api, suspect)
        assert.deepInclude(doubt, {
          suspicion: "many_tags_gone",
          listed: 1,
          lost: 11,
          sample: tags("v11", "v10", "v9", "v8", "v7", "v6", "v5", "v4", "v3", "v2"),
          running: tags("v11")
        })
        assert.isNull(believed)
        yield* pool`update repository_view set suspect_since = suspect_since - interval '23 hours 59 minutes'`
        const later = yield* store.saveListing(api, suspect)
        assert.isNull(later.believed)
        assert.isBelow(later.doubt?.since.getTime() ?? 0, doubt?.since.getTime() ?? 0)
        assert.deepEqual((yield* store.view(api))?.doubt, later.doubt)
        // Another one, and it begins anew.
        const other = yield* store.saveListing(api, listing(["v1"], "many_tags_gone"))
        assert.isAtLeast(other.doubt?.since.getTime() ?? 0, doubt?.since.getTime() ?? 0)
        yield* pool`update repository_view set suspect_since = suspect_since - interval '24 hours'`
        assert.strictEqual(
          (yield* store.saveListing(api, listing(["v1"], "many_tags_gone"))).believed,
          "a_day_old"
        )
        const good = yield* store.saveListing(api, listing(["v1"]))
        assert.deepEqual(good, { doubt: null, believed: null })
        assert.deepInclude(yield* store.view(api), { suspect: null, doubt: null, tags: tags("v1") })
      })
    )

    it.effect("S9: a person accepts the listing that is suspect now, and no other", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const accept = store.acceptView({ repository: api, ...person })
        yield* store.saveListing(api, listing(["v1", "v2"]))
        assert.isNull(yield* accept)
        const { generation } = yield* store.desired(api)
        yield* store.saveListing(api, listing([], "empty"))
        assert.deepInclude(yield* accept, { suspicion: "empty", lost: 2 })
        assert.strictEqual((yield* store.desired(api)).generation, generation + 1)
        assert.deepEqual(yield* pool`select who, action from audit where action = 'accept view'`, [
          { who: "ann", action: "accept view" }
        ])
        // 404 is another answer than an empty list.
        assert.isNull((yield* store.saveListing(api, listing([], "not_found"))).believed)
        assert.isNull((yield* store.saveListing(api, listing([], "empty"))).believed)
        yield* accept
        assert.strictEqual((yield* store.saveListing(api, listing([], "empty"))).believed, "accepted")
      })
    )

    it.effect("an empty listing is a view without tags", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveListing(api, listing([], "empty"))
        assert.deepInclude(yield* store.view(api), { suspect: "empty", tags: [] })
      })
    )

    it.effect("L2: the same listing in any order writes nothing; another suspicion or fingerprint does", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* store.saveListing(api, listing(["v1", "v2"]))
        const before = yield* versionsOf("tag", "repository_view")
        yield* store.saveListing(api, listing(["v2", "v1"]))
        assert.deepEqual(yield* versionsOf("tag", "repository_view"), before)
        yield* store.saveListing(api, { ...listing(["v2", "v1"]), fingerprint: "1" })
        assert.deepEqual(yield* pool`select fingerprint from repository_view where repository = ${api}`, [
          { fingerprint: "1" }
        ])
      })
    )

    it.effect("a pin's digest is a view without listing; a tag that the registry has not is gone", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveDigest(api, v1, digest("a"))
        yield* store.saveDigest(api, v2, null)
        const view = yield* store.view(api)
        assert.isNull(view?.tags)
        assert.deepEqual([...(view?.digests ?? [])], [[v1, digest("a")]])
        assert.deepEqual([...(view?.gone ?? [])], [v2])
        yield* store.saveDigest(api, v1, digest("b"))
        yield* store.saveDigest(api, v2, digest("c"))
        const later = yield* store.view(api)
        assert.deepEqual(later?.digests.get(v1), digest("b"))
        assert.deepEqual(later?.digests.get(v2), digest("c"))
        assert.strictEqual(later?.gone.size, 0)
        yield* store.saveDigest(api, v1, null)
        const last = yield* store.view(api)
        assert.isFalse(last?.digests.has(v1))
        assert.isTrue(last?.gone.has(v1))
      })
    )

    it.effect("a tag that was asked for in vain and is listed then is gone no more", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveDigest(api, v1, null)
        yield* store.saveListing(api, listing(["v1"]))
        assert.deepInclude(yield* store.view(api), { tags: [v1], gone: new Set<Tag>() })
      })
    )

    it.effect("L2: a digest that is known already writes nothing, nor does a tag that is still missing", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveDigest(api, v1, digest("a"))
        yield* store.saveDigest(api, v2, null)
        const before = yield* versionsOf("tag", "repository_view")
        yield* store.saveDigest(api, v1, digest("a"))
        yield* store.saveDigest(api, v2, null)
        assert.deepEqual(yield* versionsOf("tag", "repository_view"), before)
      })
    )

    it.effect("L2: touch is one statement, writes `checked` alone, and moves the age of a view", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveListing(api, listing(["v1"]))
        // The first look for the repository that it refers to leaves its lock on that row.
        yield* store.touch([api])
        const before = yield* versionsOf("tag", "repository_view", "repository", "observation", "decision")
        const then = (yield* store.view(api))?.takenAt ?? new Date(0)
        yield* store.touch([api])
        assert.deepEqual(
          yield* versionsOf("tag", "repository_view", "repository", "observation", "decision"),
          before
        )
        const view = yield* store.view(api)
        assert.isTrue((view?.takenAt ?? 0) > then)
        assert.deepEqual((yield* store.statuses([api]))[0]?.checkedAt, view?.takenAt)
      })
    )

    it.effect("L8: 100,000 tags are saved, then compared in under a second, and one more takes one row", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        const many = Array.from({ length: 100_000 }, (_, n) => `v1.${n >> 8}.${n & 255}`)
        yield* store.saveListing(api, listing(many))
        assert.lengthOf((yield* store.view(api))?.tags ?? [], 100_000)
        const began = performance.now()
        yield* store.saveListing(api, listing(many))
        assert.isBelow(performance.now() - began, 1000)
        const newest = yield* pool`select max(xmin::text::bigint) as xmin from tag where repository = ${api}`
        yield* store.saveListing(api, listing([...many, "v2.0.0"]))
        const written = yield* pool`
          select tag from tag where repository = ${api} and xmin::text::bigint > ${newest[0]?.["xmin"]}`
        assert.deepEqual(written, [{ tag: "v2.0.0" }])
      })
    )
  })
)
