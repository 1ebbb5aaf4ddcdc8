import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AttemptId } from "../domain/Attempt.ts"
import { Hold, PinnedTag } from "../domain/Desired.ts"
import { Tag } from "../domain/Tag.ts"
import { BadRequest, Conflict, NotFound, PreconditionFailed } from "./ApiError.ts"
import { Access, Authorization } from "./Authorization.ts"
import { body } from "./body.ts"
import { Message } from "./Classic.ts"
import { JsonBody } from "./JsonBody.ts"
import { etag, ifMatch } from "./precondition.ts"
import { inPath } from "./Repositories.ts"
import { DesiredAnswer } from "./RepositoryAnswer.ts"

/** Why a person does it, for those who read it later. */
const Why = Schema.String.check(
  Schema.isPattern(/\S/, { expected: "a reason in words" }),
  Schema.isMaxLength(500, { expected: "at most 500 characters" })
)
const { resume } = Hold.fields

/** At least one of the two; a key that is left out stays as it is. */
export const ChangeBody = body({
  pinned_tag: Schema.optionalKey(PinnedTag.annotate({ expected: 'a tag, or "" to follow versions' })),
  auto_deploy: Schema.optionalKey(Schema.Boolean)
}).check(
  Schema.makeFilter(({ pinned_tag, auto_deploy }) => pinned_tag !== undefined || auto_deploy !== undefined, {
    expected: "pinned_tag or auto_deploy"
  })
)

/** `tag` left out: the pin, else what runs. */
export const RedeployBody = body({ tag: Schema.optionalKey(Tag) })

/** `resume`: `manual` unless said. */
export const HoldBody = body({
  why: Why,
  until: Schema.optionalKey(
    Schema.NullOr(Schema.Date.annotate({ expected: "a time, 2026-01-31T12:00:00Z" }))
  ),
  resume: Schema.optionalKey(resume)
})
export type HoldBody = typeof HoldBody.Type

/** One of the two at most; neither: the last attempt that succeeded before what runs. `resume`: `next_version` unless said. */
export const RollbackBody = body({
  attempt: Schema.optionalKey(AttemptId),
  tag: Schema.optionalKey(Tag),
  why: Schema.optionalKey(Why),
  resume: Schema.optionalKey(resume)
}).check(
  Schema.makeFilter(({ attempt, tag }) => attempt === undefined || tag === undefined, {
    expected: "attempt or tag, not both"
  })
)
export type RollbackBody = typeof RollbackBody.Type

/** `why`: for those who read it later. */
export const FailBody = body({ why: Schema.optionalKey(Why) })
export type FailBody = typeof FailBody.Type

/** What happens now, in a sentence, and the desired state that was committed. */
const changed = HttpApiSchema.WithHeaders(
  Schema.Struct({ message: Schema.String, desired: DesiredAnswer }),
  etag
)
const shared = { params: inPath, headers: ifMatch, success: changed }
const ofAttempt = { ...inPath, attempt: Schema.String }
const refusals = [BadRequest, NotFound, PreconditionFailed] as const
const path = "/v1/repositories/:repository"

/**
 * What a person orders. Answered once it is committed and told to the leader, before it is done. What is refused
 * has changed nothing.
 */
export class Orders extends HttpApiGroup.make("orders")
  .add(
    HttpApiEndpoint.patch("change", path, { ...shared, payload: ChangeBody, error: refusals })
      .middleware(JsonBody)
      .annotate(OpenApi.Summary, "Pin a tag, which is deployed now, or follow versions; switch auto_deploy"),
    HttpApiEndpoint.post("resetToVersions", `${path}/reset`, { ...shared, error: refusals }).annotate(
      OpenApi.Summary,
      "Follow versions with auto_deploy on; deploys the elected tag unless it runs"
    ),
    HttpApiEndpoint.post("redeploy", `${path}/redeploy`, {
      ...shared,
      payload: [RedeployBody, Schema.Undefined],
      error: [...refusals, Conflict]
    })
      .middleware(JsonBody)
      .annotate(OpenApi.Summary, "Deploy a tag once more; lifts the quarantine of its digest"),
    HttpApiEndpoint.post("hold", `${path}/hold`, { ...shared, payload: HoldBody, error: refusals })
      .middleware(JsonBody)
      .annotate(OpenApi.Summary, "Stop automatic moves; orders pass it"),
    HttpApiEndpoint.delete("releaseHold", `${path}/hold`, { ...shared, error: refusals }).annotate(
      OpenApi.Summary,
      "End the hold"
    ),
    HttpApiEndpoint.post("rollback", `${path}/rollback`, {
      ...shared,
      payload: [RollbackBody, Schema.Undefined],
      error: [...refusals, Conflict]
    })
      .middleware(JsonBody)
      .annotate(OpenApi.Summary, "Deploy what succeeded before what runs, and hold it there"),
    HttpApiEndpoint.post("acceptView", `${path}/accept-view`, {
      ...shared,
      error: [...refusals, Conflict]
    }).annotate(OpenApi.Summary, "Take the suspect listing for a good one: its tags are gone for good"),
    HttpApiEndpoint.post("adopt", `${path}/adopt`, { ...shared, error: [...refusals, Conflict] }).annotate(
      OpenApi.Summary,
      "Speak for markers in its job that this database does not know"
    ),
    HttpApiEndpoint.post("abandon", `${path}/attempts/:attempt/abandon`, {
      ...shared,
      params: ofAttempt,
      error: [...refusals, Conflict]
    }).annotate(OpenApi.Summary, "End an attempt whose outcome is unknown as lost, and decide anew"),
    HttpApiEndpoint.post("promote", `${path}/attempts/:attempt/promote`, {
      ...shared,
      params: ofAttempt,
      error: [...refusals, Conflict]
    }).annotate(
      OpenApi.Summary,
      "Promote the canaries of its rollout, which waits for a person or for its soak"
    ),
    HttpApiEndpoint.post("fail", `${path}/attempts/:attempt/fail`, {
      ...shared,
      params: ofAttempt,
      payload: [FailBody, Schema.Undefined],
      error: [...refusals, Conflict]
    })
      .middleware(JsonBody)
      .annotate(
        OpenApi.Summary,
        "Fail its rollout, which Nomad rolls back where the job has auto_revert; its digest is deployed by no automatic move again"
      ),
    HttpApiEndpoint.post("check", `${path}/check`, {
      params: inPath,
      success: Message.pipe(HttpApiSchema.status(202)),
      error: NotFound
    }).annotate(OpenApi.Summary, "Ask the registry now")
  )
  .annotateEndpoints(Access, "operate")
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error" })
  .middleware(Authorization) {}
