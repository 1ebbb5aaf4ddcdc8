import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type { Decision } from "../../src/domain/Decision.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { foresee } from "../../src/foresee/foresee.ts"
import { planOf } from "../../src/foresee/planOf.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { watchedAs } from "../reconcile/loop.ts"
import { awhile, pass, story, Story } from "../reconcile/story.ts"

const say = (decision: Decision | null | undefined): string =>
  decision == null
    ? "nothing"
    : "reason" in decision
      ? `${decision._tag} ${decision.reason} ${"tag" in decision ? decision.tag : decision.words}`
      : decision._tag

/** What is foreseen of `api`, as often as the leader then decides the same. */
const bothSay = Effect.fnUntraced(function* () {
  const { origin } = yield* RegistrySimulator
  const foreseen = yield* foresee(watchedAs("api", origin.host))
  const store = yield* StateStore
  const [status] = yield* store.statuses([RepositoryName.make("api")])
  return {
    foreseen: say(foreseen.decision),
    leader: say(status?.decision),
    registryFault: foreseen.registryFault
  }
})

describe("foresee", () => {
  story(
    "a registry that is silent leaves the last good listing, as the leader goes on by it, and is told",
    Effect.gen(function* () {
      const registry = yield* RegistrySimulator
      yield* Story.begin(["v1.0.0"])
      yield* awhile
      yield* registry.fault({ image: "api", status: 503 })
      yield* awhile
      const { foreseen, leader, registryFault } = yield* bothSay()
      assert.strictEqual(leader, "InSync")
      assert.strictEqual(foreseen, "InSync")
      assert.match(registryFault ?? "", /503/)
    })
  )

  story(
    "a rollback is foreseen by its digest, whatever its tag has now; gone from the registry, it waits",
    Effect.gen(function* () {
      const registry = yield* RegistrySimulator
      const story = yield* Story.begin(["v1.0.0"])
      const first = yield* story.push("v1.1.0")
      yield* story.check
      yield* awhile
      yield* story.push("v1.1.0", "overwritten")
      const { pool: sql } = yield* Database
      const order = (digest: string) =>
        sql`update repository set requested_generation = generation, request_kind = 'rollback',
          request_tag = 'v1.1.0', request_digest = ${digest}, requested_by = 'ann'`
      yield* order(first)
      yield* registry.clearRequests
      const { origin } = registry
      const api = watchedAs("api", origin.host)
      const foreseen = yield* foresee(api)
      assert.strictEqual(say(foreseen.decision), "Deploy requested v1.1.0")
      const manifests = (yield* registry.requests).filter(
        ({ method, path }) => method === "GET" && path.includes("/manifests/")
      )
      assert.deepStrictEqual(
        manifests.map(({ path }) => path),
        [`/v2/api/manifests/${first}`]
      )
      yield* order(`sha256:${"0".repeat(64)}`)
      assert.match(
        say((yield* foresee(api)).decision),
        /^Wait tag_missing the registry has v1\.1\.0@sha256:0+ no more$/
      )
    })
  )

  story(
    "a pin that is no image is said to be none, as the leader says it",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.pushChart("chart")
      yield* story.change({ pinnedTag: Tag.make("chart") })
      yield* pass("10 seconds")
      const { foreseen, leader } = yield* bothSay()
      assert.match(foreseen, /nothing_elected chart is no image but /)
      assert.strictEqual(foreseen, leader)
    })
  )

  story(
    "of what waits and turns out to be no image, no register is planned",
    Effect.gen(function* () {
      const registry = yield* RegistrySimulator
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.pushChart("v1.1.0")
      const { pool: sql } = yield* Database
      yield* sql`update repository set auto_deploy = false`
      const foreseen = yield* foresee(watchedAs("api", registry.origin.host))
      assert.match(say(foreseen.decision), /^Wait auto_deploy_off .* v1\.1\.0$/)
      assert.isNull(yield* planOf(foreseen))
    })
  )

  story(
    "S11: a mended image under a tag that failed is seen, as the leader sees it",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], { mode: "plan" })
      const failed = yield* story.push("v1.1.0")
      const store = yield* StateStore
      const { pool: sql } = yield* Database
      yield* store.saveDigest(RepositoryName.make("api"), Tag.make("v1.1.0"), failed)
      yield* sql`insert into quarantine (repository, digest, why) values ('api', ${failed}, 'exited 1')`
      const { origin } = yield* RegistrySimulator
      const api = watchedAs("api", origin.host)
      assert.strictEqual(say((yield* foresee(api)).decision), "InSync")
      yield* story.push("v1.1.0", "mended")
      assert.strictEqual(say((yield* foresee(api)).decision), "Deploy new_version v1.1.0")
    })
  )

  story(
    "S9: a suspect listing is told with what it lacks, and one that a reset goes by is believed",
    Effect.gen(function* () {
      const registry = yield* RegistrySimulator
      const story = yield* Story.begin(["v1.0.0", "v0.9.0"])
      yield* awhile
      yield* registry.deleteTag("api", "v1.0.0")
      yield* registry.push("api", "v0.9.1")
      const { pool: sql } = yield* Database
      const { origin } = registry
      const api = watchedAs("api", origin.host)
      assert.strictEqual(say((yield* foresee(api)).decision), "InSync")
      yield* sql`update repository set requested_generation = generation, request_kind = 'reset', requested_by = 'ann'`
      assert.strictEqual(say((yield* foresee(api)).decision), "Deploy requested v0.9.1")
      assert.strictEqual(yield* story.running, `${story.image}:v1.0.0`)
    })
  )

  story(
    "S9: a suspect listing that is the same for a day is believed, as the leader believes it; another one is not",
    Effect.gen(function* () {
      const registry = yield* RegistrySimulator
      const story = yield* Story.begin(["v1.0.0", "v0.9.0"])
      yield* awhile
      yield* registry.deleteTag("api", "v1.0.0")
      yield* story.check
      const { pool: sql } = yield* Database
      const { host } = registry.origin
      const foretold = Effect.map(foresee(watchedAs("api", host)), ({ decision }) => say(decision))
      yield* sql`update repository_view set suspect_since = now() - interval '23 hours'`
      assert.strictEqual(yield* foretold, "InSync")
      yield* sql`update repository_view set suspect_since = now() - interval '25 hours'`
      assert.match(yield* foretold, /^Stall below_what_runs /)
      yield* registry.push("api", "v0.9.1")
      assert.strictEqual(yield* foretold, "InSync")
      yield* registry.deleteTag("api", "v0.9.1")
      yield* story.check
      const { foreseen, leader } = yield* bothSay()
      assert.match(leader, /^Stall below_what_runs /)
      assert.strictEqual(foreseen, leader)
    })
  )
})
