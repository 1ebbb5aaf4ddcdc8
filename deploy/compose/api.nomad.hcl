# The job that docker-compose.yml begins with. No v0.0.0 was ever pushed: it waits for the first push.
job "api" {
  update {
    min_healthy_time = "5s"
  }

  group "api" {
    restart {
      attempts = 100
      interval = "1h"
      delay    = "5s"
      mode     = "delay"
    }

    task "api" {
      driver = "docker"

      config {
        image = "127.0.0.1:5000/api:v0.0.0"
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }
  }
}
