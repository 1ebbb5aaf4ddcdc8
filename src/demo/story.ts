import { Duration, Effect } from "effect"
import { acting, attemptsAt, attemptState, decided, deployed, inSync, listings } from "./ask.ts"
import { call } from "./call.ts"
import { DemoError, until } from "./DemoError.ts"
import { short } from "./picture.ts"
import { whyOf } from "./Scene.ts"
import type { Happened, Screen } from "./Screen.ts"
import { follower, pinned, type Stage } from "./Stage.ts"

/** Where the story is told, and how long there is to read. */
export interface Telling {
  readonly screen: Screen
  /** To read what is going to happen, and what happened. */
  readonly pause: Effect.Effect<void>
}

type Step = (stage: Stage, telling: Telling) => Effect.Effect<Happened, DemoError>

const seconds = (duration: Duration.Duration): string => {
  const milliseconds = Math.round(Duration.toMillis(duration))
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}
const crash = { _tag: "Exits", code: 1, stderr: "panic: no database\n" } as const
const checks = 3

const post = (stage: Stage, repository: string, body: unknown) =>
  Effect.flatMap(acting(stage), ({ url }) => call(`${url}/tags/${repository}`, body))

/** Pushes a version and waits until it is deployed. */
const pushed = Effect.fnUntraced(function* (stage: Stage, tag: string) {
  const digest = yield* stage.registry.push(follower, tag)
  const [took, summary] = yield* Effect.timed(deployed(stage, follower, tag, digest))
  const { length: attempts } = yield* attemptsAt(stage, follower, digest)
  return { took, why: whyOf(summary), facts: { repository: follower, tag, digest, attempts } }
})

const newVersion =
  (tag: string, before: string): Step =>
  (stage, { screen, pause }) =>
    Effect.gen(function* () {
      yield* screen.doing(`Push ${follower} ${tag}; its job runs ${before}`, [follower])
      yield* pause
      const { took, why, facts } = yield* pushed(stage, tag)
      const what = `${follower} ${tag} was pushed, and ${seconds(took)} later it is deployed, by digest: it is the highest version.`
      return { step: "deployed", what, why, facts }
    })

const badVersion =
  (tag: string, before: string): Step =>
  (stage, { screen, pause }) =>
    Effect.gen(function* () {
      yield* screen.doing(`Push ${follower} ${tag}, which crashes as soon as it runs`, [follower])
      yield* pause
      yield* stage.nomad.setOutcome({ image: `/${follower}:${tag}@`, outcome: crash })
      const digest = yield* stage.registry.push(follower, tag)
      const reverted = attemptState(stage, follower, digest, "reverted")
      yield* until(`Nomad to revert ${tag}`, reverted)
      yield* screen.doing(`Nomad went back to ${before}; see whether ${tag} is tried again`, [follower])
      const looks = yield* listings(stage, follower)
      yield* until(
        `${checks} more looks at the registry`,
        Effect.map(listings(stage, follower), (now) => (now >= looks + checks ? true : undefined))
      )
      const summary = yield* inSync(stage, follower)
      const { length: attempts } = yield* attemptsAt(stage, follower, digest)
      const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`
      const what = `${follower} ${tag} was pushed and deployed; it fails, Nomad reverts to ${before}, and ${checks} looks at the registry later it was not tried again: ${tries}.`
      const facts = { repository: follower, tag, digest, attempts, runs: before }
      return { step: "reverted", what, why: whyOf(summary), facts }
    })

const overwritten: Step = (stage, { screen, pause }) =>
  Effect.gen(function* () {
    yield* screen.doing(`Pin ${pinned} to the tag stable`, [pinned])
    yield* pause
    const from = yield* stage.registry.push(pinned, "stable", `the first ${pinned}`)
    yield* post(stage, pinned, { pinned_tag: "stable" })
    yield* deployed(stage, pinned, "stable", from)
    yield* screen.doing(`Push another image as ${pinned} stable: the same tag, other bits`, [pinned])
    yield* pause
    const digest = yield* stage.registry.push(pinned, "stable", `the second ${pinned}`)
    const [took, summary] = yield* Effect.timed(deployed(stage, pinned, "stable", digest))
    const { length: attempts } = yield* attemptsAt(stage, pinned, digest)
    const what = `stable was overwritten, and ${seconds(took)} later ${pinned} is deployed again: ${short(digest)} in place of ${short(from)}.`
    const facts = { repository: pinned, tag: "stable", digest, from, attempts }
    return { step: "redeployed", what, why: whyOf(summary), facts }
  })

const switchedOff =
  (tag: string): Step =>
  (stage, { screen, pause }) =>
    Effect.gen(function* () {
      yield* screen.doing(`Switch auto_deploy of ${follower} off, then push ${tag}`, [follower])
      yield* pause
      yield* post(stage, follower, { auto_deploy: false })
      const digest = yield* stage.registry.push(follower, tag)
      const waits = yield* decided(
        stage,
        follower,
        `${tag} to wait`,
        ({ reason, target }) => reason === "auto_deploy_off" && target?.tag === tag
      )
      yield* pause
      const { length: attemptsBefore } = yield* attemptsAt(stage, follower, digest)
      yield* screen.doing("Switch auto_deploy on again", [follower])
      yield* post(stage, follower, { auto_deploy: true })
      const [took] = yield* Effect.timed(deployed(stage, follower, tag, digest))
      const { length: attempts } = yield* attemptsAt(stage, follower, digest)
      const what = `auto_deploy was off, and the push of ${tag} waited; ${seconds(took)} after it is on again, ${tag} is deployed.`
      const facts = { repository: follower, tag, digest, attempts, attemptsBefore }
      return { step: "caught_up", what, why: whyOf(waits), facts }
    })

const killed =
  (tag: string): Step =>
  (stage, { screen, pause }) =>
    Effect.gen(function* () {
      const dies = yield* acting(stage)
      yield* screen.doing(`kill -9 instance ${dies.name}, which acts, and push ${tag}`, [follower])
      yield* pause
      const [took, acts] = yield* Effect.timed(Effect.andThen(dies.kill, acting(stage)))
      const { why, facts } = yield* pushed(stage, tag)
      const what = `Instance ${dies.name} acted and was killed; ${acts.name} took over ${seconds(took)} later, and deployed ${tag}.`
      return { step: "took_over", what, why, facts: { ...facts, killed: dies.name, acts: acts.name } }
    })

const steps: ReadonlyArray<Step> = [
  newVersion("v1.0.0", "v0.9.0"),
  newVersion("v1.1.0", "v1.0.0"),
  badVersion("v1.2.0", "v1.1.0"),
  overwritten,
  switchedOff("v1.3.0"),
  killed("v1.4.0")
]

/** Plays every step, one after the other, and tells each when it has happened. */
export const story = Effect.fnUntraced(function* (stage: Stage, telling: Telling) {
  yield* acting(stage)
  for (const step of steps) {
    yield* telling.screen.happened(yield* step(stage, telling))
    yield* telling.pause
  }
})
