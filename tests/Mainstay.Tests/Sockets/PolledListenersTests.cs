using System.Net;
using System.Net.Sockets;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Mainstay.Tests.Sockets;

/// <summary>The transport by itself; tests of the front and the gateway run on it, too.</summary>
public sealed class PolledListenersTests
{
    [Fact]
    public async Task What_is_written_arrives_whole_at_a_caller_that_reads_late()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await using var connection = await AcceptAsync(caller);
        var sent = new byte[8 * 1024 * 1024];
        new Random(7).NextBytes(sent);

        var writing = WriteAsync();
        Assert.False(writing.IsCompleted, "the buffers of the system hold less");
        var received = new byte[sent.Length];
        for (var at = 0; at < received.Length;)
            at += await caller.ReceiveAsync(received.AsMemory(at), SocketFlags.None).AsTask().Patiently();
        await writing.Patiently();

        Assert.True(received.AsSpan().SequenceEqual(sent));

        async Task WriteAsync()
        {
            var random = new Random(8);
            for (var at = 0; at < sent.Length;)
            {
                var part = Math.Min(random.Next(1, 100_000), sent.Length - at);
                Assert.False((await connection.Transport.Output.WriteAsync(sent.AsMemory(at, part))).IsCompleted);
                at += part;
            }
        }
    }

    [Fact]
    public async Task A_caller_that_leaves_is_noticed_before_what_it_sent_is_read()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var connection = await AcceptAsync(caller);
        var left = new TaskCompletionSource();
        await using var registration = connection.ConnectionClosed.Register(left.SetResult);

        await caller.SendAsync("GET"u8.ToArray());
        caller.Close();

        await left.Task.Patiently();
        var input = connection.Transport.Input;
        var read = await input.ReadAsync().AsTask().Patiently();
        Assert.Equal(3, read.Buffer.Length);
        input.AdvanceTo(read.Buffer.End);
        read = await input.ReadAsync().AsTask().Patiently();
        Assert.True(read.IsCompleted);
        Assert.True(read.Buffer.IsEmpty);
    }

    [Fact]
    public async Task What_is_kept_unread_comes_again_with_what_follows()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var connection = await AcceptAsync(caller);
        var input = connection.Transport.Input;
        var sent = new byte[50_000];
        new Random(9).NextBytes(sent);

        await caller.SendAsync(sent.AsMemory(0, 1)).AsTask().Patiently();
        var read = await input.ReadAsync().AsTask().Patiently();
        var sending = caller.SendAsync(sent.AsMemory(1)).AsTask();
        while (read.Buffer.Length < sent.Length)
        {
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await input.ReadAsync().AsTask().Patiently();
        }
        await sending.Patiently();

        Assert.True(read.Buffer.FirstSpan.SequenceEqual(sent));
        input.AdvanceTo(read.Buffer.GetPosition(49_999));
        read = await input.ReadAsync().AsTask().Patiently();
        Assert.Equal(1, read.Buffer.Length);
        input.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public async Task A_pending_read_can_be_cancelled_and_an_abort_resets()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var connection = await AcceptAsync(caller);
        var input = connection.Transport.Input;

        var reading = input.ReadAsync().AsTask();
        Assert.False(reading.IsCompleted);
        input.CancelPendingRead();
        var cancelled = await reading.Patiently();
        Assert.True(cancelled.IsCanceled);
        input.AdvanceTo(cancelled.Buffer.Start);

        reading = input.ReadAsync().AsTask();
        connection.Abort(new ConnectionAbortedException("Enough."));
        Assert.Equal("Enough.", (await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.Patiently())).Message);
        var seen = await Assert.ThrowsAsync<SocketException>(() => caller.ReceiveAsync(new byte[1], SocketFlags.None).Patiently());
        Assert.Equal(SocketError.ConnectionReset, seen.SocketErrorCode);
        // However often it is read.
        for (var i = 0; i < 2; i++)
            await Assert.ThrowsAsync<ConnectionAbortedException>(() => input.ReadAsync().AsTask().Patiently());
    }

    [Fact]
    public async Task What_was_flushed_arrives_whole_though_the_connection_ends_before_the_caller_takes_it()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await using var connection = await AcceptAsync(caller);
        var socket = connection.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket;
        var before = 0;
        var ending = await OnPollerAsync(caller, connection, () =>
        {
            // Until the system takes no more. What is written after that waits for the end of the turn, and then for the caller.
            int count;
            while ((count = socket.Send(new byte[64 * 1024], SocketFlags.None, out var error)) > 0 && error == SocketError.Success)
                before += count;
            var flush = connection.Transport.Output.WriteAsync("the end"u8.ToArray());
            Assert.True(flush.IsCompletedSuccessfully);
            return connection.DisposeAsync().AsTask();
        });
        Assert.False(ending.IsCompleted);

        var received = new byte[before + 100];
        var at = 0;
        for (int count; (count = await caller.ReceiveAsync(received.AsMemory(at), SocketFlags.None).AsTask().Patiently()) > 0;)
            at += count;
        await ending.Patiently();
        Assert.Equal("the end"u8, received.AsSpan(before, at - before));
    }

    [Fact]
    public async Task A_caller_that_never_takes_the_end_is_cut()
    {
        var clock = new ManualTime();
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await using var connection = await AcceptAsync(caller, clock);
        using var cancel = new CancellationTokenSource();
        var writing = connection.Transport.Output.WriteAsync(new byte[8 * 1024 * 1024], cancel.Token).AsTask();
        Assert.False(writing.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing.Patiently());
        var ending = connection.DisposeAsync().AsTask();
        Assert.False(ending.IsCompleted);
        clock.Advance(TimeSpan.FromMinutes(1));
        await ending.Patiently();
    }

    [Fact]
    public async Task A_flush_that_was_cancelled_before_does_not_wait_for_room()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await using var connection = await AcceptAsync(caller);
        var output = connection.Transport.Output;
        using var cancel = new CancellationTokenSource();
        var writing = output.WriteAsync(new byte[8 * 1024 * 1024], cancel.Token).AsTask();
        Assert.False(writing.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing.Patiently());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => output.FlushAsync(cancel.Token).AsTask().Patiently());
        output.CancelPendingFlush();
        Assert.True((await output.FlushAsync().AsTask().Patiently()).IsCanceled);
        connection.Abort(new ConnectionAbortedException("Enough."));
    }

    [Fact]
    public async Task Whoever_sends_much_leaves_the_turn_to_others()
    {
        const int Length = 256 * 1024;
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = Length };
        await using var connection = await AcceptAsync(caller);
        connection.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket.ReceiveBufferSize = Length;
        var input = connection.Transport.Input;

        var inTurn = await OnPollerAsync(caller, connection, () =>
        {
            // All of it waits here before it is looked at.
            Assert.Equal(Length, caller.Send(new byte[Length]));
            return TakeTurnAsync();
        });
        Assert.InRange(await inTurn.Patiently(), 1, Length / 2);

        for (var left = Length - await inTurn; left > 0;)
        {
            var read = await input.ReadAsync().AsTask().Patiently();
            left -= (int)read.Buffer.Length;
            input.AdvanceTo(read.Buffer.End);
        }

        async Task<int> TakeTurnAsync()
        {
            var first = await input.ReadAsync();
            var taken = (int)first.Buffer.Length;
            input.AdvanceTo(first.Buffer.End);
            while (input.TryRead(out var read))
            {
                taken += (int)read.Buffer.Length;
                input.AdvanceTo(read.Buffer.End);
            }
            return taken;
        }
    }

    [Fact]
    public async Task A_bug_costs_its_own_connection()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var other = await AcceptAsync(caller);
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var peer = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await peer.ConnectAsync(listener.LocalEndPoint!).Patiently();
        var noted = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        var former = Poller.NoteBug;
        Poller.NoteBug = e => noted.TrySetResult(e);
        try
        {
            using var socket = new PolledSocket(await listener.AcceptAsync().Patiently(), await OnPollerAsync(caller, other, () => Poller.OfThisThread!))
            {
                PeerEnded = () => throw new InvalidTimeZoneException("A bug."),
            };
            socket.Start();
            var waiting = socket.WaitAsync().AsTask();
            peer.Shutdown(SocketShutdown.Send);
            Assert.Equal("A bug.", (await noted.Task.Patiently()).Message);
            await waiting.Patiently();
            Assert.Throws<ObjectDisposedException>(() => socket.TryReceive(new byte[1]));
        }
        finally
        {
            Poller.NoteBug = former;
        }
        // The same thread goes on with the other.
        await OnPollerAsync(caller, other, () => true);
    }

    [Fact]
    public void Numbers_of_sockets_tell_places_apart_and_never_fall_below_zero()
    {
        var generation = (1L << 31) + 5;
        var number = Poller.NumberOf(generation, 7);
        Assert.InRange(number, 0, long.MaxValue);
        Assert.Equal(7, (int)(uint)number);
        Assert.NotEqual(number, Poller.NumberOf(generation + 1, 7));
    }

    [Fact]
    public async Task What_closes_before_it_is_watched_is_not_watched()
    {
        using var socket = new PolledSocket(new Socket(SocketType.Stream, ProtocolType.Tcp), Poller.Choose());
        socket.Dispose();
        Assert.Throws<ObjectDisposedException>(socket.Start);
        Assert.True(socket.Number < 0);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task An_answer_that_was_taken_is_not_given_twice()
    {
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = WaitAsync(1);
        Assert.Throws<InvalidOperationException>(() => first.GetAwaiter().GetResult());
        signal.SetResult();
        Assert.Equal(1, await first);

        [System.Runtime.CompilerServices.AsyncMethodBuilder(typeof(PooledBuilder<>))]
        async ValueTask<int> WaitAsync(int value)
        {
            await signal.Task;
            return value;
        }
    }

    /// <summary>Does something on the thread that polls the connection.</summary>
    private static async Task<T> OnPollerAsync<T>(Socket caller, ConnectionContext connection, Func<T> act)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiting = Task.Run(WaitAsync);
        await caller.SendAsync(new byte[1], SocketFlags.None).Patiently();
        await waiting.Patiently();
        return await done.Task.Patiently();

        async Task WaitAsync()
        {
            while (true)
            {
                var read = await connection.Transport.Input.ReadAsync();
                connection.Transport.Input.AdvanceTo(read.Buffer.End);
                if (Poller.OfThisThread is not null)
                    break;
                // The byte was here already when it was asked for.
                await caller.SendAsync(new byte[1], SocketFlags.None);
            }
            try
            {
                done.SetResult(act());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }
    }

    private static async Task<ConnectionContext> AcceptAsync(Socket caller, TimeProvider? clock = null)
    {
        await using var listener = await new PolledListeners(clock).BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        await caller.ConnectAsync(listener.EndPoint).Patiently();
        return (await listener.AcceptAsync().AsTask().Patiently())!;
    }
}
