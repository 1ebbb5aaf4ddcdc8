import { Duration, Effect } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { AttemptId } from "../../src/domain/Attempt.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Target } from "../../src/domain/Target.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { Database } from "../../src/store/Database.ts"
import type { Fence } from "../../src/store/Leader.ts"
import { type LeadershipRow, takeLeadership, toLeadership } from "../../src/store/leadership.ts"
import type { Intent } from "../../src/store/attempts.ts"
import type { SeenBaseline } from "../../src/store/desired.ts"
import { StateStore } from "../../src/store/StateStore.ts"

export const digest = (text: string): Digest =>
  Digest.make(`sha256:${createHash("sha256").update(text).digest("hex")}`)
export const target = (tag: string): Target => ({ tag: Tag.make(tag), digest: digest(tag) })
/** A baseline of every task of a job. */
export const seen = (tag: string): SeenBaseline => ({ ...target(tag), ofAll: true })
export const jobOf = (name: string) => ({ region: "", namespace: "default", job: name })
/** A person at a terminal. */
export const person = { by: "ann", from: "127.0.0.1" }

/** A watched repository of this name, in the job of the same name. */
export const watched = (name: string): Watched => ({
  name: RepositoryName.make(name),
  registry: "local",
  image: name,
  mapping: {
    job: jobOf(name),
    group: undefined,
    tasks: [],
    imageNames: [`registry.test/${name}`],
    imageForm: "digest"
  },
  policy: { _tag: "Semver" },
  drift: "hold",
  batch: "hold",
  canary: "manual",
  canarySoak: Duration.minutes(1),
  mode: "act",
  fingerprint: "0"
})

/** What a new holder of the lock does first. */
export const newFence = Effect.gen(function* () {
  const { pool } = yield* Database
  const [row] = yield* pool.unsafe<LeadershipRow>(takeLeadership)
  const fence: Fence | null = row === undefined ? null : toLeadership(row)
  return fence ?? (yield* Effect.die("no leadership row"))
})

/** Nomad's answer to a register. */
export const taken = { nomadIndex: 11, nomadVersion: 4, evalId: "e" }

/** An automatic move to v2, of the generation that a new row has. */
const intentOf = (repository: RepositoryName, over: Partial<Intent>): Intent => ({
  id: AttemptId.make(randomUUID()),
  repository,
  job: jobOf(repository),
  generation: 1,
  reason: "new_version",
  request: null,
  from: target("v1"),
  to: target("v2"),
  imageSent: "registry.test/api:v2",
  jobHash: "0",
  fingerprint: "0",
  baseIndex: 10,
  baseVersion: 3,
  ...over
})

/** An attempt that Nomad took; of `api` if not said otherwise. */
export const acceptedAttempt = Effect.fnUntraced(function* (fence: Fence, over: Partial<Intent> = {}) {
  const store = yield* StateStore
  const made = intentOf(RepositoryName.make("api"), over)
  yield* store.intend(fence, made)
  yield* store.submit(fence, made.id)
  yield* store.accept(fence, made.id, taken)
  return made
})

/** The store with a repository of this test's own, the standing fence, and attempts on it. */
export const leading = Effect.gen(function* () {
  const store = yield* StateStore
  const { pool } = yield* Database
  const api = RepositoryName.make(`api-${randomUUID()}`)
  yield* store.adopt([watched(api)])
  const fence = yield* newFence
  const intent = (over: Partial<Intent> = {}) => intentOf(api, over)
  const accepted = (over: Partial<Intent> = {}) => acceptedAttempt(fence, intent(over))
  return { store, pool, fence, api, intent, accepted }
})

/** Which versions of rows these tables hold: any write at all, also of equal values, makes it another. */
export const versionsOf = Effect.fnUntraced(function* (...tables: ReadonlyArray<string>) {
  const { pool } = yield* Database
  return yield* Effect.forEach(
    tables,
    (table) => pool`select ctid::text, xmin::text, xmax::text from ${pool(table)} order by ctid`
  )
})
