import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { PinnedTag } from "../domain/Desired.ts"
import { Tag } from "../domain/Tag.ts"
import { BadRequest } from "./ApiError.ts"
import { Access, Authorization } from "./Authorization.ts"
import { JsonBody } from "./JsonBody.ts"

/** One sentence for people. */
export const Message = Schema.Struct({ message: Schema.String })

/** The one segment of the path that names a repository; a slash in it arrives as `%2F` (`canonicalUrl`). */
const inPath = { repository: Schema.String }

/** What owners want of one repository, and what its tags are. */
export const RepositoryTags = Schema.Struct({
  auto_deploy: Schema.Boolean,
  pinned_tag: PinnedTag,
  /** What `GET /tags/REPO` answers, `""` where that is 400. */
  pinned_tag_value: PinnedTag,
  /** Of the stored view, without artifacts and commit hashes; ascending by the policy, the 1,000 highest. */
  tags: Schema.Array(Tag)
})
export type RepositoryTags = typeof RepositoryTags.Type

/** At least one of the two; a key that is left out stays as it is, an unknown one beside them is ignored. */
export const TagChange = Schema.Struct({
  pinned_tag: Schema.optionalKey(PinnedTag.annotate({ expected: 'a tag, or "" to follow versions' })),
  auto_deploy: Schema.optionalKey(Schema.Boolean)
}).check(
  Schema.makeFilter(({ pinned_tag, auto_deploy }) => pinned_tag !== undefined || auto_deploy !== undefined, {
    expected: "pinned_tag or auto_deploy"
  })
)
export type TagChange = typeof TagChange.Type

/** The predecessor's endpoints (`design.md` §10). A repository that is not watched is 400, never 404. */
export class Classic extends HttpApiGroup.make("classic")
  .add(
    HttpApiEndpoint.get("repos", "/repos", {
      success: Schema.Record(Schema.String, RepositoryTags)
    }).annotate(Access, "read"),
    HttpApiEndpoint.get("tag", "/tags/:repository", {
      params: inPath,
      success: Schema.Struct({ repo_tag: Tag }),
      error: BadRequest
    }).annotate(Access, "read"),
    HttpApiEndpoint.post("setTag", "/tags/:repository", {
      params: inPath,
      payload: TagChange,
      success: Message,
      error: BadRequest
    })
      .middleware(JsonBody)
      .annotate(Access, "operate"),
    HttpApiEndpoint.post("reset", "/tags/:repository/reset", {
      params: inPath,
      success: Message,
      error: BadRequest
    }).annotate(Access, "operate")
  )
  .middleware(Authorization) {}
