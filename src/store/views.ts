import type { PgClient } from "@effect/sql-pg"
import { Array, Effect } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { createHash } from "node:crypto"
import type { Digest } from "../domain/Digest.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Suspicion, View } from "../domain/View.ts"
import type { StateStore } from "./StateStore.ts"
import { storeCall } from "./storeCall.ts"

/** Columns as the constraints of `tag` and `repository_view` keep them: 100,000 tags are not decoded once more. */
interface ViewRow {
  readonly repository: RepositoryName
  readonly tags: ReadonlyArray<Tag> | null
  readonly digests: ReadonlyArray<readonly [Tag, Digest]> | null
  readonly gone: ReadonlyArray<Tag> | null
  readonly taken_at: Date
  readonly suspect: Suspicion | null
  readonly listed: boolean
}

/** Tags in one statement: some 200 ms, a long way from the 5 s that it may take. */
const statementSize = 10_000

const toView = (row: ViewRow): View => ({
  tags: row.listed ? (row.tags ?? []) : null,
  digests: new Map(row.digests),
  takenAt: row.taken_at,
  suspect: row.suspect,
  gone: new Set(row.gone)
})

const step = <A>(effect: Effect.Effect<A, SqlError>) => storeCall("StateStore.saveListing", effect)

/** The last good view of each repository: rows of `repository_view` and `tag`. */
export const views = (
  sql: PgClient.PgClient
): Pick<StateStore["Service"], "view" | "views" | "saveListing" | "saveDigest" | "touch"> => {
  // One pass over the tags of all of them: a subquery for each column and repository took eight times as long for 1,000.
  const read = (repositories: ReadonlyArray<RepositoryName>) =>
    sql<ViewRow>`
      select v.repository, v.suspect, v.listed_at is not null as listed, greatest(v.taken_at, c.checked_at) as taken_at,
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
      storeCall(
        "StateStore.views",
        Effect.map(read(repositories), (rows) => new Map(rows.map((row) => [row.repository, toView(row)])))
      ),

    saveListing: Effect.fnUntraced(function* (repository, { tags, suspect, fingerprint }) {
      const listed = new Set(tags)
      const hash = createHash("sha256")
        .update(JSON.stringify([suspect, fingerprint, [...listed].toSorted()]))
        .digest()
      const [same] = yield* step(
        sql`select from repository_view where repository = ${repository} and listing_hash = ${hash}`
      )
      if (same !== undefined) return
      const [known] = yield* step(sql<{ readonly tags: ReadonlyArray<Tag> | null }>`
        select array_agg(tag) as tags from tag where repository = ${repository} and listed and gone_at is null`)
      const before = new Set(known?.tags)
      const come = [...listed].filter((tag) => !before.has(tag))
      // From a suspect listing nothing is believed gone: the last good view stays what the next is held against (S9).
      const left = suspect === null ? [...before].filter((tag) => !listed.has(tag)) : []
      // Parts of it are no harm, and the hash comes last: what fails in between is made up for by the next listing.
      for (const part of Array.chunksOf(come, statementSize)) {
        yield* step(sql`
          insert into tag (repository, tag, listed) select ${repository}, tag, true from unnest(${part}::text[]) as t (tag)
          on conflict (repository, tag) do update set listed = true, gone_at = null, missing_at = null`)
      }
      for (const part of Array.chunksOf(left, statementSize)) {
        yield* step(
          sql`update tag set gone_at = now() where repository = ${repository} and tag = any(${part}::text[])`
        )
      }
      yield* step(sql`
        insert into repository_view (repository, listed_at, suspect, fingerprint, listing_hash)
        values (${repository}, now(), ${suspect}::text, ${fingerprint}, ${hash})
        on conflict (repository) do update set listed_at = now(), taken_at = now(),
          suspect = excluded.suspect, fingerprint = excluded.fingerprint, listing_hash = excluded.listing_hash`)
    }),

    saveDigest: (repository, tag, digest) =>
      storeCall(
        "StateStore.saveDigest",
        sql`
          with viewed as (
            insert into repository_view (repository)
            select ${repository} where not exists (select from repository_view where repository = ${repository})
            on conflict do nothing
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
              then coalesce(excluded.digest_at, tag.digest_at) else tag.digest_at end`
      ).pipe(Effect.asVoid),

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
