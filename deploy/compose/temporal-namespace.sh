#!/bin/sh
# Makes the namespace, once Temporal can. What must be in it the service sees to itself.
set -eu
until temporal operator cluster health >/dev/null 2>&1; do sleep 1; done
temporal operator namespace describe -n "$NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create -n "$NAMESPACE" --retention 720h
# Frontends learn of it some seconds later.
until temporal workflow list -n "$NAMESPACE" >/dev/null 2>&1; do sleep 1; done
