# The application: web, worker and beat start from this one image. Checked statically, not built here.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/base.txt /build/base.txt
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /build/base.txt

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_ROOT=/app/staticfiles
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin coverage
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# The settings ask for values that collecting static files does not use.
RUN SECRET_KEY=only-for-collecting-static-files-at-build ALLOWED_HOSTS=localhost COVERAGE_REGIONS=us-east-1 \
    DATABASE_URL=sqlite:////tmp/build.sqlite3 python manage.py collectstatic --no-input
USER 10001
EXPOSE 8000
# By a host name that the settings accept, and past any proxy that the environment names.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import http.client, os, sys; \
web = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); \
web.request('GET', '/healthz', headers={'Host': os.environ['ALLOWED_HOSTS'].split(',')[0].strip().lstrip('.')}); \
sys.exit(web.getresponse().status != 200)"]
CMD ["gunicorn", "coverage_site.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", \
     "--threads", "4", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
