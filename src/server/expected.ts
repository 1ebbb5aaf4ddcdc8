import { Effect } from "effect"
import { PreconditionFailed, Unavailable } from "../api/ApiError.ts"
import type { Desired } from "../domain/Desired.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { StateStore } from "../store/StateStore.ts"
import { orUnavailable } from "./orUnavailable.ts"

/** A generation that a change is made for; null: for whichever stands. */
export type Expected = number | null

export const etagOf = ({ generation }: Pick<Desired, "generation">): string => `"${generation}"`

/**
 * The generation that `If-Match` names. 412 where it is missing or another one stands already: nobody is asked then, not
 * even the registry. `change` holds it against the row once more, as it writes.
 */
export const expected = Effect.fnUntraced(function* (name: RepositoryName, ifMatch: string | undefined) {
  if (ifMatch === "*") return null
  const desired = yield* present(name)
  if (ifMatch === undefined) {
    return yield* new PreconditionFailed({
      message: `this needs If-Match with the ETag that was read, or *: ${stands(desired)}; nothing was changed`
    })
  }
  const generation = Number(ifMatch.slice(1, -1))
  return generation === desired.generation ? generation : yield* outdated(desired)
})

/** 412: somebody was faster. */
export const isOutdated = (name: RepositoryName) => Effect.flatMap(present(name), outdated)

const outdated = (desired: Desired) =>
  new PreconditionFailed({
    message: `it was changed meanwhile: ${stands(desired)}; read it again; nothing was changed`
  })

const stands = ({ repository, generation, updatedBy, updatedAt }: Desired): string =>
  `${repository} is at generation "${generation}", changed by ${updatedBy} at ${updatedAt.toISOString()}`

const present = Effect.fnUntraced(function* (name: RepositoryName) {
  const store = yield* StateStore
  const [status] = yield* orUnavailable(store.statuses([name]))
  return status?.desired ?? (yield* new Unavailable({ message: `${name} was not taken up yet; try again` }))
})
