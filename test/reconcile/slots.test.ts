import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { Deploy, Follow, Wait } from "../../src/domain/Decision.ts"
import { Unread } from "../../src/domain/Observed.ts"
import { RolloutSlots } from "../../src/reconcile/RolloutSlots.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { target } from "../store/rows.ts"
import { watch, watchedAs } from "./loop.ts"
import { pass, Story, story } from "./story.ts"

type Service = Deployer["Service"]

const isApi = ({ imageSent }: { readonly imageSent: string }) => imageSent.includes("/api:")

describe("max_active_rollouts", () => {
  const stuck: ReadonlyArray<readonly [sentence: string, stuck: (of: Service) => Partial<Service>]> = [
    [
      "that Nomad does not take",
      (deployer) => ({
        register: (edit) =>
          isApi(edit)
            ? Effect.succeed({ _tag: "NotApplied", words: "denied", forbidden: true, retryAfter: null })
            : deployer.register(edit)
      })
    ],
    [
      "whose source can not be read",
      (deployer) => ({
        edit: (...args) =>
          Effect.flatMap(deployer.edit(...args), (made) =>
            isApi(made)
              ? Effect.fail(Unread.make({ reason: "nomad_unreachable", words: "status 500" }))
              : Effect.succeed(made)
          )
      })
    ],
    [
      "whose pass fails",
      (deployer) => ({
        edit: (...args) =>
          Effect.flatMap(deployer.edit(...args), (made) =>
            isApi(made) ? Effect.never : Effect.succeed(made)
          )
      })
    ]
  ]
  for (const [sentence, change] of stuck) {
    story(
      `L6: a move ${sentence} holds no place`,
      Effect.gen(function* () {
        const deployer = yield* Deployer
        const nomad = yield* NomadSimulator
        const registry = yield* RegistrySimulator
        yield* Effect.gen(function* () {
          const { host } = registry.origin
          const stories = ["api", "worker"].map((name) => new Story(name, host))
          for (const each of stories) {
            yield* each.push("v1.0.0")
            yield* nomad.register(sampleJob({ id: each.name, image: `${each.image}:v1.0.0` }))
          }
          yield* pass("10 seconds")
          yield* watch(
            stories.map(({ name }) => watchedAs(name, host)),
            { maxActiveRollouts: 1 }
          )
          yield* pass("70 seconds")
          yield* registry.push("api", "v1.1.0")
          // It has the place by then.
          yield* pass("65 seconds")
          yield* registry.push("worker", "v1.1.0")
          yield* pass("6 minutes")
          const running = yield* Effect.forEach(stories, (each) => each.running)
          assert.deepStrictEqual(
            running.map((image) => image.includes(":v1.1.0")),
            [false, true]
          )
        }).pipe(Effect.provideService(Deployer, { ...deployer, ...change(deployer) }))
      })
    )
  }

  it("a rollout keeps its place while Nomad can not be asked", () => {
    const [api, worker] = [watchedAs("api", "r.test"), watchedAs("worker", "r.test")]
    const slots = new RolloutSlots(1, [], () => {})
    const move = Deploy.make({ ...target("v1.1.0"), reason: "new_version" })
    const unread = Wait.make({ reason: "nomad_unreachable", words: "", would: null, verdict: null })
    assert.isNull(slots.stop(api, move))
    slots.decided(api.mapping.job, api.name, move, false)
    slots.decided(api.mapping.job, api.name, unread, true)
    slots.failed(api.mapping.job)
    assert.strictEqual(slots.stop(worker, move)?.reason, "too_many_rollouts")
  })

  it("canaries that wait for a person hold no place; those that go on by themselves do", () => {
    const [first, second] = [watchedAs("api", "registry.test"), watchedAs("web", "registry.test")]
    const move = Deploy.make({ ...target("v2"), reason: "new_version" })
    const slots = new RolloutSlots(1, [], () => undefined)
    const decided = (decision: Follow) => slots.decided(first.mapping.job, first.name, decision, false)
    assert.isNull(slots.stop(first, move))
    decided(Follow.make({ words: "promoted at noon if they stay so" }))
    assert.isNotNull(slots.stop(second, move))
    decided(Follow.make({ words: "", reason: "awaiting_promotion" }))
    assert.isNull(slots.stop(second, move))
  })
})
