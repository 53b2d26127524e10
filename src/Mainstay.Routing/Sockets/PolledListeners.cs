using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace Mainstay.Routing.Sockets;

/// <summary>Kestrel's transport for traffic: accepted connections are served on the threads that poll them (Linux).</summary>
/// <param name="clock">For what must end; null: that of the system.</param>
public sealed class PolledListeners(TimeProvider? clock = null) : IConnectionListenerFactory
{
    /// <summary>Lets Kestrel accept connections with it, where the system has what is needed; to be called after any other transport was added.</summary>
    public static void Use(IServiceCollection services)
    {
        // Of several that can bind an address Kestrel takes the one that was added last.
        if (Poller.IsSupported)
            services.AddSingleton<IConnectionListenerFactory, PolledListeners>();
    }

    /// <exception cref="AddressInUseException">The port is taken.</exception>
    /// <exception cref="SocketException">The address is none of this machine, or may not be used.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new(new PolledListener(endpoint, clock ?? TimeProvider.System));

    private sealed class PolledListener : IConnectionListener
    {
        private const int Backlog = 512;

        /// <summary>A system that has no room for another connection has none the next moment, either.</summary>
        private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
        private readonly TimeProvider _clock;
        private readonly Socket _socket;
        private bool _isShort;

        public PolledListener(EndPoint endpoint, TimeProvider clock)
        {
            _clock = clock;
            _socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                if (endpoint is IPEndPoint { Address: var address } && address.Equals(IPAddress.IPv6Any))
                    _socket.DualMode = true;
                _socket.Bind(endpoint);
                _socket.Listen(Backlog);
            }
            catch (SocketException e)
            {
                _socket.Dispose();
                throw e.SocketErrorCode == SocketError.AddressAlreadyInUse ? new AddressInUseException(e.Message, e) : e;
            }
            EndPoint = _socket.LocalEndPoint!;
        }

        public EndPoint EndPoint { get; }

        /// <returns>Null once it no longer listens.</returns>
        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                Socket? accepted = null;
                try
                {
                    // Callers wait in the backlog meanwhile.
                    while (_isShort && !Descriptors.HaveRoom())
                        await Task.Delay(Pause, _clock, cancellationToken);
                    accepted = await _socket.AcceptAsync(cancellationToken);
                    accepted.NoDelay = true;
                    _isShort = Descriptors.IsKeptForServers(accepted);
                    var connection = new PolledConnection(accepted, _clock);
                    connection.Start();
                    return connection;
                }
                catch (ObjectDisposedException)
                {
                    return null;
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.OperationAborted)
                {
                    return null;
                }
                catch (SocketException e)
                {
                    // It was gone before it was accepted, or this system has no room for it.
                    accepted?.Dispose();
                    if (e.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
                        await Task.Delay(Pause, _clock, cancellationToken);
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _socket.Dispose();
            return default;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }
}
