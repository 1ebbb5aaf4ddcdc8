# Registrywatcher as a system job: an instance on every node serves the API, one of them acts, and another takes over
# when its node dies. docs/operations.md, "As a system job", has the commands in their order.
#
#   nomad acl policy apply -namespace default -job registrywatcher registrywatcher deploy/policy.hcl
#   nomad var put nomad/jobs/registrywatcher database_url=postgresql://USER:PASSWORD@HOST:5432/registrywatcher
#   nomad job run -var image=REGISTRY/registrywatcher:VERSION deploy/registrywatcher.nomad.hcl

variable "image" {
  type        = string
  description = "The image that deploy/Dockerfile builds, where your nodes can pull it."
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

job "registrywatcher" {
  type        = "system"
  datacenters = var.datacenters

  # One node after the other; the leader's successor is there before the next one goes. A version that does not become
  # ready is undone by Nomad (system jobs have deployments, and so auto_revert, from Nomad 1.11 on).
  update {
    max_parallel     = 1
    health_check     = "checks"
    min_healthy_time = "10s"
    healthy_deadline = "2m"
    auto_revert      = true
  }

  group "registrywatcher" {
    network {
      port "http" {
        to = 8080
      }
    }

    # It leaves the service's list this long before it is told to end, so that nobody is sent to a closed port.
    shutdown_delay = "2s"

    service {
      name     = "registrywatcher"
      provider = "nomad"
      port     = "http"

      # 503 while the database does not answer; an instance that is not the leader is ready as well.
      check {
        type     = "http"
        path     = "/health/ready"
        interval = "10s"
        timeout  = "5s"
      }
    }

    # 78, a configuration that is refused, ends as often as it is tried: seldom, and not for ever on a full log.
    restart {
      attempts = 3
      interval = "5m"
      delay    = "15s"
      mode     = "delay"
    }

    task "registrywatcher" {
      driver = "docker"
      user   = "1000:1000"

      # The Task API's socket and this identity are how Nomad is spoken to: no address, no secret.
      # What it may is in deploy/policy.hcl.
      identity {
        env = true
      }

      # SIGTERM ends it within 8 seconds; a register that is under way is left to the next leader.
      kill_timeout = "10s"

      config {
        image           = var.image
        ports           = ["http"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]
      }

      env {
        REGISTRYWATCHER_CONFIG = "${NOMAD_TASK_DIR}/registrywatcher.toml"
      }

      # The whole configuration; config/sample.toml has every key. A change of it is a restart, under a second each.
      template {
        destination = "local/registrywatcher.toml"
        data        = <<-TOML
          server_listening_address = ":8080"
          watched_repositories = ["api"]

          [registry_map.hub]
          registry_domain = "docker.io"
          registry_prefix = "example"

          [repo_map.api]
          registry_name = "hub"
          nomad_job_name = "api"
        TOML
      }

      # Secrets stand in a Nomad variable that this job alone may read, and in no file of yours.
      template {
        destination = "secrets/registrywatcher.env"
        env         = true
        data        = <<-ENV
          {{ with nomadVar "nomad/jobs/registrywatcher" }}
          DATABASE_URL={{ .database_url }}
          {{ end }}
        ENV
      }

      # An instance that waits takes 150 MiB at most. One that leads, with 1,000 repositories of 100 tags, 180: the image's flags
      # hold Node back, which else keeps what it once had. A thousand rollouts at once take more.
      resources {
        cpu    = 200
        memory = 256
      }
    }
  }
}
