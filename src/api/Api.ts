import { HttpApi, OpenApi } from "effect/http-api"
import { Classic } from "./Classic.ts"
import { Events } from "./Events.ts"
import { Fleet } from "./Fleet.ts"
import { Operations, Probes } from "./Operations.ts"
import { Orders } from "./Orders.ts"
import { Page } from "./Page.ts"
import { Repositories } from "./Repositories.ts"

/** Every route of the server: one that is not in here can not be reached. */
export class Api extends HttpApi.make("registrywatcher")
  .add(Page, Probes, Classic, Repositories, Orders, Fleet, Events, Operations)
  .annotateMerge(
    OpenApi.annotations({
      title: "Registrywatcher",
      version: "1",
      description: 'Keeps Nomad jobs on the image tag their owners want. Errors are {"message": …}.'
    })
  ) {}
