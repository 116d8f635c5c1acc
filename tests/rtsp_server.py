"""A live camera: GStreamer's RTSP server on the loopback interface, run by the system's Python.

    /usr/bin/python3 tests/rtsp_server.py PORT STREAM WIDTHxHEIGHT [USER PASSWORD]

It prints "ready", and does what it reads: "drop" closes all connections, "size WIDTHxHEIGHT"
changes the picture within the stream, "pause" stops the time of the source, "play" lets it go on.
"""

import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

FRAMES_A_SECOND = 10
# One thread: with two every picture is two slices, between which of key frames the parameters are
# sent again, and ffmpeg takes what follows them for another picture.
LAUNCH = (
    "( videotestsrc is-live=true pattern=ball ! videoscale ! capsfilter name=size caps=CAPS ! "
    "x264enc tune=zerolatency threads=1 speed-preset=ultrafast "
    f"key-int-max={FRAMES_A_SECOND} aud=false ! "
    "h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)


def caps_of(size: str) -> str:
    width, height = size.split("x")
    rate = f"framerate={FRAMES_A_SECOND}/1"
    return f"video/x-raw,format=I420,width={width},height={height},{rate}"


def protect(server: Any, factory: Any, user: str, password: str) -> None:
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ("access", "construct"):
        permissions.add_permission_for_role("viewer", f"media.factory.{right}", True)
    factory.set_permissions(permissions)


def main(port: str, stream: str, size: str, *login: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.replace("caps=CAPS", f'caps="{caps_of(size)}"'))
    factory.set_shared(True)
    if login:
        protect(server, factory, *login)
    media: list[Any] = []
    factory.connect("media-configure", lambda _, made: media.append(made))
    server.get_mount_points().add_factory(f"/{stream}", factory)
    assert server.attach(None), "the port is taken"

    def obey(_source: object, _condition: object) -> bool:
        word, _, rest = sys.stdin.readline().strip().partition(" ")
        if word == "drop":
            server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE)
        elif word == "size":
            element = media[-1].get_element().get_by_name("size")
            element.set_property("caps", Gst.Caps.from_string(caps_of(rest)))
        elif word in ("pause", "play"):
            state = Gst.State.PAUSED if word == "pause" else Gst.State.PLAYING
            media[-1].get_element().get_parent().set_state(state)
        return word != ""

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, obey)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
