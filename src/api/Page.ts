import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { NotFound } from "./ApiError.ts"
import { Access } from "./Authorization.ts"

/** The status page. Its files say nothing of what is watched: whoever wants to see that needs the token. */
export class Page extends HttpApiGroup.make("page")
  .add(
    HttpApiEndpoint.get("page", "/", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/html; charset=utf-8" }))
    }).annotate(Access, "anyone"),
    HttpApiEndpoint.get("pageFile", "/web/:file", {
      params: { file: Schema.String },
      success: Schema.String.pipe(HttpApiSchema.asText()),
      error: NotFound
    }).annotate(Access, "anyone")
  )
  .annotate(OpenApi.Exclude, true) {}
