using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Mainstay.Routing.Sockets;

/// <summary>A caller's connection as Kestrel wants it, on a <see cref="PolledSocket"/>.</summary>
internal sealed class PolledConnection : DefaultConnectionContext, IConnectionSocketFeature, IDuplexPipe
{
    private readonly CancellationTokenSource _closed = new();
    private readonly TimeProvider _clock;
    private readonly PolledSocket _socket;
    private readonly PolledReader _reader;
    private int _hasEnded;

    public PolledConnection(Socket accepted, TimeProvider clock)
    {
        _clock = clock;
        LocalEndPoint = accepted.LocalEndPoint;
        RemoteEndPoint = accepted.RemoteEndPoint;
        _socket = new PolledSocket(accepted, Poller.Choose()) { PeerEnded = NoteEnd };
        _reader = new PolledReader(_socket);
        Output = new PolledWriter(_socket);
        ConnectionClosed = _closed.Token;
        Transport = this;
        Features.Set<IConnectionSocketFeature>(this);
    }

    public PipeReader Input => _reader;

    public PipeWriter Output { get; }

    public Socket Socket => _socket.Socket;

    /// <exception cref="SocketException">The system has no room for it.</exception>
    public void Start() => _socket.Start();

    public override void Abort(ConnectionAbortedException abortReason)
    {
        _reader.Aborted = abortReason;
        _socket.Reset();
        NoteEnd();
    }

    public override async ValueTask DisposeAsync()
    {
        _reader.Free();
        await _socket.EndAsync(_clock);
        NoteEnd();
        await base.DisposeAsync();
    }

    /// <summary>The token's callbacks may be long, and this may be the poller's thread.</summary>
    private void NoteEnd()
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static closed => closed.Cancel(), _closed, preferLocal: false);
    }
}
