import type { PgClient } from "@effect/sql-pg"
import { Array, Effect } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { createHash } from "node:crypto"
import type { Digest } from "../domain/Digest.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Tag } from "../domain/Tag.ts"
import { type Doubt, lostFrom, type Suspicion, type View } from "../domain/View.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

/** Columns as the constraints of `tag` and `repository_view` keep them: 100,000 tags are not decoded once more. */
interface ViewRow {
  readonly repository: RepositoryName
  readonly tags: ReadonlyArray<Tag> | null
  readonly digests: ReadonlyArray<readonly [Tag, Digest]> | null
  readonly gone: ReadonlyArray<Tag> | null
  readonly taken_at: Date
  readonly suspect: Suspicion | null
  readonly suspect_since: Date | null
  readonly suspect_facts: Facts | null
  readonly listed: boolean
}

type Facts = Omit<Doubt, "suspicion" | "since">

/** How a listing stands: what is suspect of it, and why it is believed all the same. */
interface StandingRow extends Pick<ViewRow, "suspect" | "suspect_since" | "suspect_facts"> {
  readonly is_old: boolean | null
  readonly is_accepted: boolean | null
  readonly accepted_by_reset: boolean
}

// The registry of a clean-up that a person meant looks the same a day later; one that is being restored does not (S9).
const standingColumns = `v.suspect, v.suspect_since, v.suspect_facts, v.accepted_by_reset,
  v.suspect_since <= now() - interval '24 hours' as is_old, v.accepted_hash = v.suspect_hash as is_accepted`

/** For `repository r` and `repository_view v`: a good view was taken since somebody edited the row (S17). */
const isFirstTaken = `v.first_listed_at >= coalesce(r.edited_at, '-infinity')`
const isListedSinceEdit = `v.first_listed_at >= coalesce(
  (select edited_at from repository where name = v.repository), '-infinity')`

const toDoubt = ({
  suspect,
  suspect_since: since,
  suspect_facts: facts
}: Pick<ViewRow, "suspect" | "suspect_since" | "suspect_facts">): Doubt | null =>
  suspect === null || since === null || facts === null ? null : { suspicion: suspect, ...facts, since }

const toSaved = (row: StandingRow): SavedListing => {
  const doubt = toDoubt(row)
  if (doubt === null) return { doubt, believed: null }
  if (row.is_accepted === true) return { doubt, believed: row.accepted_by_reset ? "reset" : "accepted" }
  return { doubt, believed: row.is_old === true ? "a_day_old" : null }
}

const hashOf = (value: unknown): Buffer => createHash("sha256").update(JSON.stringify(value)).digest()

/** Tags in one statement: some 200 ms, a long way from the 5 s that it may take. */
const statementSize = 10_000

/** Views in one statement: 1,000 of 1,000 tags took 2.6 to 4.8 s, and the leader can not begin without them. */
const viewsTogether = 100

const toView = (row: ViewRow): View => ({
  tags: row.listed ? (row.tags ?? []) : null,
  digests: new Map(row.digests),
  takenAt: row.taken_at,
  suspect: row.suspect,
  doubt: toDoubt(row),
  gone: new Set(row.gone)
})

const step = <A>(effect: Effect.Effect<A, SqlError>) => storeCall("StateStore.saveListing", effect)

/** What is known of a listing besides its tags. */
export interface SavedListing {
  /** Null where it is not suspect. */
  readonly doubt: Doubt | null
  /** Why a suspect one is to be believed all the same (S9): equal for a day, or accepted by a person or a reset. */
  readonly believed: "a_day_old" | "accepted" | "reset" | null
}

/** The last good view of each repository: rows of `repository_view` and `tag`. */
export interface ViewCalls {
  view(repository: RepositoryName): Effect.Effect<View | null, StoreError>
  /** The views of these, 100 in a statement, each of which ends within 5 seconds; without view, without entry. */
  views(
    repositories: ReadonlyArray<RepositoryName>
  ): Effect.Effect<ReadonlyMap<RepositoryName, View>, StoreError>
  /**
   * A complete listing, as the registry gave it. Tags that left it are kept with `gone_at`, a suspect one only adds
   * (S9); nothing is written where nothing changed. A first listing of more than 10,000 tags takes longer than 5
   * seconds if it must. `running`: the tags that the job has, of which the facts of a suspect one name the lost.
   */
  saveListing(
    repository: RepositoryName,
    listing: {
      readonly tags: ReadonlyArray<Tag>
      readonly suspect: Suspicion | null
      readonly fingerprint: string
      readonly running?: ReadonlyArray<Tag>
    }
  ): Effect.Effect<SavedListing, StoreError>
  /**
   * A tag's digest, or null: the registry has no such tag. `pinnedUnder`, the entry's fingerprint: the look is all that
   * the pin needs, and with a new one, or after an edit, the repository's first view (S17).
   */
  saveDigest(
    repository: RepositoryName,
    tag: Tag,
    digest: Digest | null,
    pinnedUnder?: string
  ): Effect.Effect<void, StoreError>
  /**
   * A person takes the present suspect listing for good: the next one that equals it becomes the last good view.
   * Raises the generation, so that it is asked for at once; null where no view is suspect.
   */
  acceptView(acceptance: {
    readonly repository: RepositoryName
    readonly by: string
    readonly from: string
  }): Effect.Effect<Doubt | null, StoreError>
  /** `checked_at` of all of these, in one statement. */
  touch(repositories: ReadonlyArray<RepositoryName>): Effect.Effect<void, StoreError>
}

export const views = (sql: PgClient.PgClient): ViewCalls => {
  // One pass over the tags of all of them: a subquery for each column and repository took eight times as long for 1,000.
  const read = (repositories: ReadonlyArray<RepositoryName>) =>
    sql<ViewRow>`
      select v.repository, v.suspect, v.suspect_since, v.suspect_facts, v.listed_at is not null as listed, greatest(v.taken_at, c.checked_at) as taken_at,
        t.tags, t.digests, t.gone
      from repository_view v
      left join checked c using (repository)
      left join (
        select repository,
          array_agg(tag) filter (where listed and gone_at is null) as tags,
          jsonb_agg(jsonb_build_array(tag, digest)) filter (where digest is not null and missing_at is null) as digests,
          array_agg(tag) filter (where missing_at is not null) as gone
        from tag where repository = any(${repositories}::text[]) group by repository
      ) t using (repository)
      where v.repository = any(${repositories}::text[])`

  return {
    view: (repository) =>
      storeCall(
        "StateStore.view",
        Effect.map(read([repository]), ([row]) => (row === undefined ? null : toView(row)))
      ),

    views: (repositories) =>
      Effect.forEach(Array.chunksOf(repositories, viewsTogether), (part) =>
        storeCall("StateStore.views", read(part))
      ).pipe(Effect.map((parts) => new Map(parts.flat().map((row) => [row.repository, toView(row)])))),

    saveListing: Effect.fnUntraced(function* (repository, { tags, suspect, fingerprint, running = [] }) {
      const listed = new Set(tags)
      const given = [...listed].toSorted()
      const hash = hashOf([suspect, fingerprint, given, suspect === null ? [] : running.toSorted()])
      const [same] = yield* step(sql<StandingRow>`
        select ${sql.literal(standingColumns)} from repository_view v join repository r on r.name = v.repository
        where v.repository = ${repository} and v.listing_hash = ${hash}
          and (v.suspect is not null or ${sql.literal(isFirstTaken)})`)
      if (same !== undefined) return toSaved(same)
      const [known] = yield* step(sql<{ readonly tags: ReadonlyArray<Tag> | null }>`
        select array_agg(tag) as tags from tag where repository = ${repository} and listed and gone_at is null`)
      const before = new Set(known?.tags)
      const come = given.filter((tag) => !before.has(tag))
      const lost = [...before].filter((tag) => !listed.has(tag))
      // Parts of it are no harm, and the hash comes last: what fails in between is made up for by the next listing.
      for (const part of Array.chunksOf(come, statementSize)) {
        yield* step(sql`
          insert into tag (repository, tag, listed) select ${repository}, tag, true from unnest(${part}::text[]) as t (tag)
          on conflict (repository, tag) do update set listed = true, gone_at = null, missing_at = null`)
      }
      // From a suspect listing nothing is believed gone: the last good view stays what the next is held against (S9).
      for (const part of Array.chunksOf(suspect === null ? lost : [], statementSize)) {
        yield* step(
          sql`update tag set gone_at = now() where repository = ${repository} and tag = any(${part}::text[])`
        )
      }
      const doubted = suspect === null ? null : hashOf([suspect === "not_found", given])
      const facts: Facts = lostFrom(before, listed, running)
      const [row] = yield* step(sql<StandingRow>`
        with saved as (
          insert into repository_view as v (
            repository, listed_at, suspect, fingerprint, listing_hash, first_listed_at,
            suspect_hash, suspect_since, suspect_facts)
          select ${repository}, now(), ${suspect}::text, ${fingerprint}, ${hash},
            case when ${suspect}::text is null then now() end,
            ${doubted}::bytea, case when ${suspect}::text is not null then now() end,
            case when ${suspect}::text is not null then ${sql.json(facts)}::jsonb end
          on conflict (repository) do update set listed_at = now(), taken_at = now(),
            suspect = excluded.suspect, listing_hash = excluded.listing_hash,
            fingerprint = case when excluded.suspect is null then excluded.fingerprint else v.fingerprint end,
            first_listed_at = case
              when excluded.suspect is not null or (v.fingerprint = excluded.fingerprint and ${sql.literal(isListedSinceEdit)})
              then v.first_listed_at else now() end,
            suspect_hash = excluded.suspect_hash, suspect_facts = excluded.suspect_facts,
            suspect_since = case when v.suspect_hash = excluded.suspect_hash
              then v.suspect_since else excluded.suspect_since end,
            accepted_hash = case when v.accepted_hash = excluded.suspect_hash then v.accepted_hash end
          returning *
        )
        select ${sql.literal(standingColumns)} from saved v`)
      return row === undefined ? { doubt: null, believed: null } : toSaved(row)
    }),

    saveDigest: (repository, tag, digest, pinnedUnder: string | null = null) =>
      storeCall(
        "StateStore.saveDigest",
        sql`
          with viewed as (
            insert into repository_view (repository, fingerprint, first_listed_at)
            select ${repository}, ${pinnedUnder}::text, case when ${pinnedUnder}::text is not null then now() end
            where not exists (select from repository_view where repository = ${repository})
            on conflict do nothing
          ), marked as (
            update repository_view v set fingerprint = ${pinnedUnder}::text, first_listed_at = now()
            from repository r
            where ${pinnedUnder}::text is not null and v.repository = ${repository} and r.name = v.repository
              and not coalesce(v.fingerprint = ${pinnedUnder}::text and ${sql.literal(isFirstTaken)}, false)
          )
          insert into tag (repository, tag, listed, digest, digest_at, missing_at)
          select ${repository}, ${tag}, false, ${digest}::text, case when ${digest}::text is not null then now() end,
            case when ${digest}::text is null then now() end
          where not exists (
            select from tag t where t.repository = ${repository} and t.tag = ${tag}
              and case when ${digest}::text is null then t.missing_at is not null
                else t.digest = ${digest}::text and t.missing_at is null end)
          on conflict (repository, tag) do update set
            digest = coalesce(excluded.digest, tag.digest), missing_at = excluded.missing_at,
            digest_at = case when excluded.digest <> tag.digest or tag.digest is null
              then coalesce(excluded.digest_at, tag.digest_at) else tag.digest_at end,
            moved_at = case
              when excluded.digest is distinct from tag.digest and excluded.digest is not null
                and (tag.digest is not null or tag.missing_at is not null)
              then now() else tag.moved_at end`
      ).pipe(Effect.asVoid),

    acceptView: ({ repository, by, from }) =>
      storeCall(
        "StateStore.acceptView",
        sql<StandingRow>`
          with own as (
            select name from repository where name = ${repository} for no key update
          ), accepted as (
            update repository_view v set accepted_hash = v.suspect_hash, accepted_by = ${by}, accepted_by_reset = false
            from own where v.repository = own.name and v.suspect is not null
            returning v.*
          ), raised as (
            update repository r set generation = r.generation + 1, updated_by = ${by}, updated_at = now()
            from accepted where r.name = accepted.repository
          ), audited as (
            insert into audit (who, address, action, repository, before)
            select ${by}, ${from}, 'accept view', repository,
              suspect_facts || jsonb_build_object('suspicion', suspect, 'since', suspect_since)
            from accepted
          )
          select ${sql.literal(standingColumns)} from accepted v`
      ).pipe(Effect.map(([row]) => (row === undefined ? null : toSaved(row).doubt))),

    touch: (repositories) =>
      storeCall(
        "StateStore.touch",
        sql`
          insert into checked (repository, checked_at)
          select name, now() from repository where name = any(${repositories}::text[])
          on conflict (repository) do update set checked_at = excluded.checked_at`
      ).pipe(Effect.asVoid)
  }
}
