import type { Untold } from "../domain/Notice.ts"
import type { Message } from "./Message.ts"
import { kindOf } from "./sentences.ts"

/** Of so many repositories a minute each message is sent alone, and at once. */
const singly = 5
const length = 60_000

/**
 * Keeps a channel readable when many repositories move: of one minute, five are told of one by one; what more there is
 * comes in one summary of each kind, at once where they moved together, else when the minute is over. Whatever waits or
 * is drawn together, each repository's notices are told in their order. A minute begins with its first message.
 */
export class Minute {
  #began = -Infinity
  readonly #told = new Set<string>()

  /**
   * The messages that may be sent now, in this order.
   *
   * @param untold - in the order of their ids
   * @param now - milliseconds of the monotonic clock
   */
  due(untold: ReadonlyArray<Untold>, now: number): ReadonlyArray<Message> {
    if (now - this.#began >= length) this.#told.clear()
    const moved = new Set(this.#told)
    for (const each of untold) {
      const repository = repositoryOf(each)
      if (repository !== null) moved.add(repository)
    }
    if (moved.size <= singly) return untold.map((each) => [each])
    if (this.#told.size === 0) return summaries(untold)
    const isKnown = this.#told.size <= singly
    return untold.flatMap((each) => {
      const repository = repositoryOf(each)
      return repository === null || (isKnown && this.#told.has(repository)) ? [[each] as const] : []
    })
  }

  /** The receiver has it. */
  told(message: Message, now: number): void {
    for (const each of message) {
      const repository = repositoryOf(each)
      if (repository === null) continue
      if (this.#told.size === 0) this.#began = now
      this.#told.add(repository)
    }
  }
}

const repositoryOf = ({ notice }: Untold): string | null => notice.repository

/** One message of each kind for more than five repositories within a minute, one of each notice for fewer. */
const summaries = (untold: ReadonlyArray<Untold>): ReadonlyArray<Message> => {
  const groups: Array<[Untold, ...Array<Untold>]> = []
  const lastOf = new Map<string | null, number>()
  for (const each of untold) {
    const repository = repositoryOf(each)
    const last = lastOf.get(repository) ?? -1
    const found = groups.findIndex((group, index) => index > last && belongs(each, group[0]))
    const index = found === -1 ? groups.length : found
    lastOf.set(repository, index)
    if (found === -1) groups.push([each])
    else groups[index]?.push(each)
  }
  // A repository is in a group once at most.
  if (groups.every((group) => group.length <= singly)) return untold.map((each) => [each])
  return groups.flatMap((group): ReadonlyArray<Message> =>
    group.length > singly ? [group] : group.map((each) => [each])
  )
}

const belongs = (each: Untold, first: Untold): boolean => {
  const kind = kindOf(each.notice)
  return (
    kind !== null &&
    kind === kindOf(first.notice) &&
    Math.abs(each.at.getTime() - first.at.getTime()) < length
  )
}
