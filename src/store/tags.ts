import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { TagRow } from "../domain/View.ts"
import { decodeRows, rowOf } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

const decodeTags = decodeRows(TagRow)

// Many come in one listing: among those the higher version is the newer one. `numeric`, for a tag may be 128 digits.
const byVersion = `string_to_array(substring(t.tag from '^v?([0-9]+([.][0-9]+)*)'), '.')::numeric[]`

/** Tags for people, one by one: what a view has in bulk. */
export interface TagCalls {
  /** The tags that are there, the newest first: as first seen, and of one listing the highest version. */
  tags(repository: RepositoryName, limit: number): Effect.Effect<ReadonlyArray<TagRow>, StoreError>
}

export const tags = (sql: PgClient.PgClient): TagCalls => ({
  tags: (repository, limit) =>
    storeCall(
      "StateStore.tags",
      sql`
        select ${sql.literal(rowOf(TagRow, "t"))} as row from tag t
        where t.repository = ${repository} and t.gone_at is null
        order by t.first_seen desc, ${sql.literal(byVersion)} desc nulls last, length(t.tag), t.tag desc
        limit ${limit}`.pipe(Effect.flatMap(decodeTags))
    )
})
