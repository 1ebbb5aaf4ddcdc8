import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { Unavailable } from "./ApiError.ts"
import { Access, Authorization, Unrestricted } from "./Authorization.ts"
import { Message } from "./Classic.ts"

export const Readiness = Schema.Struct({
  message: Schema.String,
  /** `embedded`: a private Postgres in `./data`, for one instance only. */
  database: Schema.Literals(["embedded", "external"]),
  role: Schema.Literals(["leader", "standby"]),
  /** Null before the first leader ever. */
  leader: Schema.NullOr(Schema.Struct({ epoch: Schema.Int, holder: Schema.String, since: Schema.Date })),
  /** The newest migration that is applied. */
  schema: Schema.Struct({ id: Schema.Int, name: Schema.String }),
  config: Schema.Struct({ file: Schema.String, repositories: Schema.Int })
})

/** For whoever keeps the process: they need no token and say nothing of what is watched. */
export class Probes extends HttpApiGroup.make("probes").add(
  HttpApiEndpoint.get("ping", "/ping", { success: Message }).annotate(Access, "anyone"),
  HttpApiEndpoint.get("live", "/health/live", { success: Message }).annotate(Access, "anyone"),
  HttpApiEndpoint.get("ready", "/health/ready", {
    success: Readiness,
    error: Unavailable
  }).annotate(Access, "anyone")
) {}

export class Operations extends HttpApiGroup.make("operations")
  .add(
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: Schema.String.pipe(
        HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" })
      )
    })
      .annotate(Access, "read")
      .annotate(Unrestricted, true),
    HttpApiEndpoint.get("openapi", "/openapi.json", { success: Schema.Json }).annotate(Access, "read")
  )
  .middleware(Authorization) {}
