# The one image of web, workers and beat. Two stages, so that pip and its cache stay out of what runs.
FROM python:3.13-slim AS build
WORKDIR /srv/backoffice
COPY requirements.txt .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --quiet --no-cache-dir --only-binary :all: --requirement requirements.txt

FROM python:3.13-slim
# OpenMP, for LightGBM; the slim image has none.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
# A fixed number, so that volumes keep their owner over images.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin backoffice
WORKDIR /srv/backoffice
COPY --from=build /opt/venv /opt/venv
COPY . .
# The only place the processes write; owned before the volume is mounted, which copies the owner.
RUN mkdir var && chown backoffice:backoffice var
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BACKOFFICE_ENV=production
USER backoffice
EXPOSE 8000
CMD ["python", "-m", "backoffice.processes", "web"]
