import { Duration, Effect, Layer } from "effect"
import type { AttemptId } from "../../src/domain/Attempt.ts"
import type { Decision } from "../../src/domain/Decision.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { layerFreshStore } from "../real/postgres.ts"
import { endpoint } from "../registry/against.ts"
import { serve, watches } from "../server/rig.ts"
import { list, runs } from "../server/world.ts"
import { acceptedAttempt, digest, jobOf, newFence, target } from "../store/rows.ts"

export const named = (name: string) => RepositoryName.make(name)

/** Text that would be markup if it were not text. */
export const canary = `<img src=x onerror="document.title='hit'"><script>document.title='hit'</script>`

const would = (tag: string) => ({ tag: Tag.make(tag), digest: digest(tag) })

/** What was decided of each; `runs` the first tag, the second elected. */
const states: ReadonlyArray<readonly [name: string, runs: string, newest: string, decision: Decision]> = [
  ["api", "v1.4.2", "v1.4.2", { _tag: "InSync", ...would("v1.4.2") }],
  ["web", "v2.0.0", "v2.0.0", { _tag: "InSync", ...would("v2.0.0") }],
  [
    "billing/worker",
    "v3.1.0",
    "v3.2.0",
    { _tag: "Wait", reason: "auto_deploy_off", words: "off", would: would("v3.2.0"), verdict: null }
  ],
  [
    "search",
    "v0.9.0",
    "v0.10.0",
    { _tag: "Wait", reason: "held", words: "", would: would("v0.10.0"), verdict: null }
  ],
  ["checkout", "v4.9.9", "v5.0.0", { _tag: "Stall", reason: "drift", words: canary, would: would("v5.0.0") }],
  [
    "mail",
    "v1.0.0",
    "v1.1.0",
    {
      _tag: "Stall",
      reason: "rejected",
      words: `400: 1 error occurred: ${canary}`,
      would: would("v1.1.0")
    }
  ],
  ["images", "v7.3.0", "v7.4.0", { _tag: "Follow", words: "v7.4.0: 2 of 6 allocations are healthy" }],
  ["ledger", "v1.0.0", "v1.0.1", { _tag: "Deploy", ...would("v1.0.1"), reason: "new_version" }],
  [
    "reports-with-a-rather-long-name/of-several/components",
    "2024.11.30-build.17-gabcdef0123456789-amd64-debian",
    "2024.12.01-build.18-gabcdef0123456789-amd64-debian",
    {
      _tag: "Wait",
      reason: "brake",
      words: "since 02:14, with 2 moves",
      would: would("2024.12.01-build.18-gabcdef0123456789-amd64-debian"),
      verdict: null
    }
  ]
]

export const repositories = [...states.map(([name]) => watches(name)), watches("planned", "plan")]

const registry = Layer.unwrap(
  Effect.map(RegistrySimulator, ({ origin }) =>
    RegistryClient.layer(new Map([["main", endpoint(origin, { name: "main" })]]))
  )
).pipe(Layer.provideMerge(RegistrySimulator.layer()))

/** What a server stands on: a database with these repositories and nothing decided yet, and a registry. */
export const world = Layer.mergeAll(
  Layer.effectDiscard(Effect.flatMap(StateStore, (store) => store.adopt(repositories))),
  registry,
  Layer.mock(Deployer, {}),
  Layer.mock(Leader, { leads: Effect.succeed(false), leadership: Effect.succeed(null) })
).pipe(Layer.provideMerge(layerFreshStore))

/** Its origin: a server of these repositories. */
export const served = serve({ watched: repositories })

/** A fleet at work: in sync, waiting, stalled, rolling, and the brake on. */
export const fill = Effect.gen(function* () {
  const store = yield* StateStore
  const simulator = yield* RegistrySimulator
  const { pool } = yield* Database
  const fence = yield* newFence
  for (const [text, running, newest, decision] of states) {
    const name = named(text)
    for (const tag of new Set([running, newest, "v0.1.0"])) yield* simulator.push(`apps/${name}`, tag)
    yield* list([...new Set([running, newest, "v0.1.0"])], null, name)
    yield* runs(running, name)
    yield* store.saveDecision(name, decision)
  }
  const by = { by: "ann", from: "" }
  yield* store.change({ repository: named("billing/worker"), autoDeploy: false, ...by })
  yield* store.change({ repository: named("web"), pinnedTag: Tag.make("v2.0.0"), ...by })
  yield* store.change({
    repository: named("search"),
    hold: { by: "ann", why: canary, until: null, resume: "manual", left: null },
    ...by
  })
  yield* acceptedAttempt(fence, {
    repository: named("images"),
    job: { region: "", namespace: "default", job: "images" },
    from: target("v7.3.0"),
    to: target("v7.4.0")
  })
  yield* store.pullBrake(
    fence,
    ["reports-with-a-rather-long-name/of-several/components", "billing/worker"].map((name, at) => ({
      repository: named(name),
      ...target(["2024.12.01-build.18-gabcdef0123456789-amd64-debian", "v3.2.0"][at] ?? "")
    }))
  )
  yield* pool.unsafe("update decision set since = now() - interval '1 hour' * length(repository)")
  yield* store.touch(repositories.map(({ name }) => name))
})

/** This repository's newest attempt has its canaries healthy, and a person is asked; Nomad refused one since. */
export const awaitsPromotion = Effect.fnUntraced(function* (name: string) {
  const store = yield* StateStore
  const { pool } = yield* Database
  const fence = yield* newFence
  const [newest] = yield* store.attempts(named(name), 1)
  if (newest === undefined) return yield* Effect.die("nothing was tried")
  const rollout = {
    phase: "awaiting_promotion",
    words: "2 of 6 allocations healthy",
    nomadVersion: 4
  } as const
  yield* store.setPhase(fence, newest.id, { ...rollout, deploymentId: "d1" })
  const canaries = { deployment: "d1", healthy: 2, desired: 2, ended: 0, run: "a", isOwn: true }
  yield* store.saveCanaries(fence, newest.id, canaries)
  const words = `2 of 2 canaries of ${newest.toTag} healthy; a person promotes or fails attempt ${newest.id}`
  yield* store.saveDecision(named(name), { _tag: "Follow", reason: "awaiting_promotion", words })
  const { generation } = yield* store.desired(named(name))
  const refused = yield* acceptedAttempt(fence, {
    repository: named(name),
    generation,
    job: jobOf(name),
    to: target("v99.0.0")
  })
  yield* pool`update attempt set state = 'rejected', phase = null, ended_at = now() where id = ${refused.id}::uuid`
  return newest.id
})

/** Nomad refuses to fail its rollout, as a person ordered. */
export const refuses = Effect.fnUntraced(function* (name: string, attempt: AttemptId, words: string) {
  const store = yield* StateStore
  const fence = yield* newFence
  const { generation } = yield* store.desired(named(name))
  const sent = { attempt, order: "fail", deployment: "d1" } as const
  yield* store.sendOrder(fence, { ...sent, isOrdered: true, generation, life: Duration.seconds(45) })
  yield* store.orderAnswered(fence, { ...sent, answer: "Refused", words })
  yield* store.saveDecision(named(name), { _tag: "Follow", words })
})

/** v1.9.0 was deployed, then v2.0.0; of v2.1.0 nobody can tell. */
export const triedBefore = Effect.fnUntraced(function* (name: string) {
  const store = yield* StateStore
  const { pool } = yield* Database
  const fence = yield* newFence
  const repository = named(name)
  const made = []
  for (const tag of ["v1.9.0", "v2.0.0", "v2.1.0"]) {
    const { generation } = yield* store.desired(repository)
    const { id } = yield* acceptedAttempt(fence, {
      repository,
      generation,
      job: jobOf(name),
      to: target(tag)
    })
    made.push(id)
    const state = tag === "v2.1.0" ? "unknown" : "succeeded"
    yield* pool`update attempt set state = ${state}, phase = null, ended_at = now() where id = ${id}::uuid`
  }
  return { first: made[0] ?? "", lost: made[2] ?? "" }
})
