import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { AttemptId } from "../../src/domain/Attempt.ts"
import { InSync, Wait } from "../../src/domain/Decision.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { leading, person, target } from "./rows.ts"

const wait = (words: string) => Wait.make({ reason: "held", words, would: null, verdict: null })

describe.skipIf(noPostgres)("records", () =>
  layer(layerFreshStore)((it) => {
    it.effect("L13: decisions come newest first, the present one without an end", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        assert.lengthOf(yield* store.decisions(api, 10), 0)
        const made = [wait("one"), wait("two"), InSync.make(target("v1")), wait("four")]
        for (const decision of made) yield* store.saveDecision(api, decision)
        const decided = yield* store.decisions(api, 3)
        assert.deepEqual(
          decided.map(({ decision }) => decision),
          made.toReversed().slice(0, 3)
        )
        assert.isNull(decided[0]?.until)
        assert.deepEqual(decided[1]?.until, decided[0]?.since)
        assert.deepEqual(decided[2]?.until, decided[1]?.since)
      })
    )

    it.effect("an attempt is found by its id", () =>
      Effect.gen(function* () {
        const { store, api, accepted } = yield* leading
        const { id } = yield* accepted()
        assert.deepEqual(yield* store.attempt(id), (yield* store.attempts(api, 1))[0])
        assert.isNull(yield* store.attempt(AttemptId.make(randomUUID())))
      })
    )

    it.effect("X20: the audit is told of one repository or of all, newest first", () =>
      Effect.gen(function* () {
        const { store, api, accepted } = yield* leading
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        yield* store.change({ repository: api, autoDeploy: true, ...person })
        const { id } = yield* accepted({ generation: 3 })
        const entries = yield* store.audit(api, 4)
        assert.deepEqual(
          entries.map(({ action, who, attempt }) => [action, who, attempt]),
          [
            ["attempt accepted", "registrywatcher", id],
            ["attempt submitted", "registrywatcher", id],
            ["attempt intended", "registrywatcher", id],
            ["change", "ann", null]
          ]
        )
        assert.deepInclude(entries[3], {
          address: "127.0.0.1",
          repository: api,
          before: { pinnedTag: "", autoDeploy: false, generation: 2 },
          after: { pinnedTag: "", autoDeploy: true, generation: 3 }
        })
        assert.deepEqual(
          (yield* store.audit(null, 4)).map(({ id: entry }) => entry),
          entries.map(({ id: entry }) => entry)
        )
      })
    )
  })
)
