import { Context, Effect, Layer } from "effect"
import { Unavailable } from "../api/ApiError.ts"
import type { RepositoryTags } from "../api/Classic.ts"
import { Ballot } from "../decide/Ballot.ts"
import { elect, type Election } from "../decide/elect.ts"
import type { Desired } from "../domain/Desired.ts"
import type { History } from "../domain/History.ts"
import type { Observed } from "../domain/Observed.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Tag } from "../domain/Tag.ts"
import type { View } from "../domain/View.ts"
import { StateStore } from "../store/StateStore.ts"
import type { RepositoryStatus } from "../store/statuses.ts"
import type { StoreError } from "../store/StoreError.ts"
import { listed } from "./listed.ts"
import { orUnavailable } from "./orUnavailable.ts"

/** What Postgres has of a repository, as an election needs it. */
export interface Entry {
  readonly status: RepositoryStatus
  readonly desired: Desired
  readonly observed: Observed | null
  readonly view: View | null
  readonly history: Pick<History, "ran" | "quarantine">
  readonly ballot: Ballot
  /** By Postgres's clock (S19). */
  readonly readAt: Date
}

/** `asked`: as a person's order would have it (`design.md` §3, Electing). */
export const electFrom = (entry: Entry, pinnedTag: Desired["pinnedTag"], asked: boolean): Election => {
  const { view, ballot, observed, history, readAt } = entry
  const seen = view === null ? null : { view, ballot }
  const runs = observed?._tag === "Runs" ? observed : null
  return elect({ pinnedTag }, seen, { runs, history, now: readAt }, asked)
}

/** The pin, else the elected tag of the stored view; never what runs. */
export const wantedTag = (entry: Entry): Election => {
  const { pinnedTag } = entry.desired
  return pinnedTag === "" ? electFrom(entry, "", false) : { _tag: "Elected", tag: pinnedTag, digest: null }
}

/** The stored state of repositories, as it is shown; every instance has it, whoever leads. */
export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** An entry for each that has a row, in a number of statements that does not grow with them. */
    read(names: ReadonlyArray<RepositoryName>): Effect.Effect<ReadonlyMap<RepositoryName, Entry>, StoreError>
    /** As `GET /repos` shows one. */
    show(name: RepositoryName, entry: Entry): RepositoryTags
  }
>()("registrywatcher/server/Catalogue") {
  static readonly layer = Layer.effect(
    Catalogue,
    Effect.gen(function* () {
      const store = yield* StateStore
      // Parsed and sorted once for as long as a listing stays the same; as many as there are repositories.
      const ballots = new Map<RepositoryName, Ballot>()
      const listings = new Map<
        RepositoryName,
        { readonly of: ReadonlySet<Tag>; readonly tags: ReadonlyArray<Tag> }
      >()

      const ballotOf = (name: RepositoryName, tags: ReadonlyArray<Tag>): Ballot => {
        const ballot = ballots.get(name) ?? new Ballot()
        ballots.set(name, ballot)
        ballot.update(tags)
        return ballot
      }

      const tagsOf = (name: RepositoryName, of: ReadonlyArray<Tag>): ReadonlyArray<Tag> => {
        const known = listings.get(name)
        if (known !== undefined && isSame(known.of, of)) return known.tags
        const tags = listed(of)
        listings.set(name, { of: new Set(of), tags })
        return tags
      }

      return Catalogue.of({
        read: Effect.fn("Catalogue.read")(function* (names) {
          const [statuses, views, histories] = yield* Effect.all(
            [store.statuses(names), store.views(names), store.elections(names)],
            { concurrency: "unbounded" }
          )
          return new Map(
            statuses.map((status) => {
              const { desired, observed, readAt } = status
              const name = desired.repository
              const view = views.get(name) ?? null
              const history = histories.get(name) ?? { ran: [], quarantine: [] }
              // As who leads elects: a listed tag whose manifest is gone is no candidate.
              const ballot = ballotOf(
                name,
                (view?.tags ?? []).filter((tag) => !view?.gone.has(tag))
              )
              return [name, { status, desired, observed, view, history, ballot, readAt }]
            })
          )
        }),
        show: (name, entry) => {
          const wanted = wantedTag(entry)
          return {
            auto_deploy: entry.desired.autoDeploy,
            pinned_tag: entry.desired.pinnedTag,
            pinned_tag_value: wanted._tag === "Elected" ? wanted.tag : "",
            tags: tagsOf(name, entry.view?.tags ?? [])
          }
        }
      })
    })
  )
}

/** `Unavailable` where there is no row yet: the instance that leads makes them when it starts. */
export const readEntry = Effect.fnUntraced(function* (name: RepositoryName) {
  const catalogue = yield* Catalogue
  const entry = (yield* orUnavailable(catalogue.read([name]))).get(name)
  if (entry !== undefined) return entry
  return yield* new Unavailable({ message: `${name} was not taken up yet; try again` })
})

/** Postgres gives the rows in any order. */
const isSame = (a: ReadonlySet<Tag>, b: ReadonlyArray<Tag>): boolean =>
  a.size === b.length && b.every((tag) => a.has(tag))
