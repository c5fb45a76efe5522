# docker build --build-arg VERSION=0.1.0 --build-arg COMMIT=$(git rev-parse HEAD) -t ostiary/ostiary:0.1.0 .

FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
# The modules are a layer of their own: a change of the code does not fetch them again.
COPY go.mod go.sum ./
RUN go mod download
COPY *.go ./
COPY api/ api/
COPY authserver/ authserver/
COPY controllers/ controllers/
ARG TARGETOS TARGETARCH VERSION=dev COMMIT=unknown
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/ostiary .
RUN apk add --no-cache ca-certificates && \
    echo 'ostiary:x:65532:65532:ostiary:/:/sbin/nologin' > /out/passwd && \
    echo 'ostiary:x:65532:' > /out/group

# No shell, no package manager: the binary, whom it trusts, and who it is.
FROM scratch
ARG VERSION=dev COMMIT=unknown
LABEL org.opencontainers.image.title="Ostiary" \
      org.opencontainers.image.description="Access control for applications behind a Kubernetes ingress" \
      org.opencontainers.image.source="https://github.com/ostiary/ostiary" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/passwd /out/group /etc/
COPY --from=build /out/ostiary /ostiary
USER 65532:65532
EXPOSE 9001 9002 9003 9004 9005 8080 8081
ENTRYPOINT ["/ostiary"]
CMD ["serve", "--leader-elect"]
