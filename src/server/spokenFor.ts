import { Effect } from "effect"
import { Conflict } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import type { Watched } from "../domain/Watched.ts"
import { countTags } from "../decide/suspicion.ts"
import { StateStore } from "../store/StateStore.ts"
import { attemptOf } from "./attemptOf.ts"
import { orUnavailable } from "./orUnavailable.ts"
import type { Ordered } from "./orders.ts"

// These overwrite nothing that somebody else may have set meanwhile: `If-Match` is held against the row before them, not
// by the statement that writes.

/** Speaks for the markers that the job carries and this database does not know. */
export const adopt = Effect.fn("adopt")(function* ({ name }: Watched) {
  const store = yield* StateStore
  const { name: by, from } = yield* Caller
  const adopted = (yield* orUnavailable(store.adoptMarkers([name], by, from))).get(name) ?? []
  if (adopted.length === 0) {
    return yield* new Conflict({
      message: `the job of ${name} carried no marker that is unknown when it was last read; nothing was changed`
    })
  }
  return {
    message: `${name}: what its job has is taken as it is (${adopted.join(", ")}), and automatic moves go on from there`,
    desired: yield* orUnavailable(store.desired(name))
  } satisfies Ordered
})

/** The suspect listing is the truth: what it lacks is gone for good (S9). */
export const acceptView = Effect.fn("acceptView")(function* ({ name }: Watched) {
  const store = yield* StateStore
  const { name: by, from } = yield* Caller
  const doubt = yield* orUnavailable(store.acceptView({ repository: name, by, from }))
  if (doubt === null) {
    return yield* new Conflict({ message: `the last listing of ${name} is not suspect; nothing was changed` })
  }
  const { listed, lost, sample, running } = doubt
  const some = sample.length === 0 ? "" : ` (${sample.join(", ")}${lost > sample.length ? ", …" : ""})`
  const has = running.length === 0 ? "" : `; the job has ${running.join(", ")}, which is among them`
  return {
    message: `the listing of ${name} is accepted, with ${countTags(listed)} and without ${lost} that were there before${some}: the next one like it is the last good view${has}`,
    desired: yield* orUnavailable(store.desired(name))
  } satisfies Ordered
})

/** Gives up an attempt whose outcome nobody can tell any more; the leader ends it as `lost`. */
export const abandon = Effect.fn("abandon")(function* ({ name }: Watched, id: string) {
  const store = yield* StateStore
  const attempt = yield* attemptOf(name, id)
  const { name: by, from } = yield* Caller
  if (!(yield* orUnavailable(store.abandon(name, attempt.id, by, from)))) {
    return yield* new Conflict({
      message: `attempt ${attempt.id} is ${attempt.state}: only one whose outcome is unknown is abandoned; nothing was changed`
    })
  }
  return {
    message: `attempt ${attempt.id} at ${attempt.toTag} is given up, unless Nomad says by then what became of it`,
    desired: yield* orUnavailable(store.desired(name))
  } satisfies Ordered
})
