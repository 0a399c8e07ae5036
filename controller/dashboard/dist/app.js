"use strict";(()=>{var T,ho,gn,$e,mn,Lt,go,At,vo,vn,hn,fa,dt=Symbol.for("pv"),It={},Wt=[],ma=/^m(i|n|o|s|text|space)$/,bn=Array.isArray,_n=Wt.slice,Ee=Object.assign;function Ve(e){e&&e.parentNode&&e.remove()}function pt(e,t,n){var o,r,a,i={},l=arguments.length;for(a in t)a=="key"?o=t[a]:a=="ref"&&typeof e!="function"?r=t[a]:i[a]=t[a];return l>2&&(i.children=l>3?_n.call(arguments,2):n),ut(e,i,o,r,null)}function ut(e,t,n,o,r){var a={type:e,props:t,key:n,ref:o,__k:null,__:null,__b:0,__e:null,__c:null,constructor:dt,__v:r||++ho,__i:-1,__u:0};return!r&&T.vnode&&T.vnode(a),a}function De(e){return e.children}function Oe(e,t){this.props=e,this.context=t,this.__g=0}function ye(e,t){if(t==null)return e.__&&ye(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!="function"||e.props.__P?null:ye(e)}function ha(e){var t,n=e.__v,o=n.__e,r=[],a=[],i=e.__P;i&&((t=Ee({constructor:dt},n)).__v=n.__v+1,T.vnode&&T.vnode(t),wn(i,t,n,e.__n,i.namespaceURI,32&n.__u?[o]:null,r,o||ye(n),32&n.__u,a),t.__v=n.__v,t.__.__k[t.__i]=t,ko(r,t,a),n.__=n.__e=null,t.__e!=o&&bo(t))}function bo(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),bo(e)}function fo(e){(8&e.__g||(e.__g|=8,$e.push(e),Lt++))&&mn==T.debounceRendering||((mn=T.debounceRendering)||queueMicrotask)(_o)}function _o(){try{for(var e,t=1;$e.length;)$e.length>t&&$e.sort(go),e=$e.shift(),t=$e.length,8&e.__g&&ha(e)}finally{(Lt=$e.length)&&(mn||queueMicrotask)(_o)}}function wo(e,t,n,o,r,a,i,l,c,p,d){var f,h,u,g,b,_,k=o.__k||Wt,w=t.length;for(c=ga(n,t,k,c,w),f=0;f<w;f++)(u=n.__k[f])!=null&&(h=~u.__i&&k[u.__i]||It,u.__i=f,_=wn(e,u,h,r,a,i,l,c,p,d),g=u.__e,(h.ref!=u.ref||8&h.__u)&&(h.ref&&$n(h.ref,null,u,h),u.ref&&d.push(u.ref,u.__c||g,u)),b=b||g,4&u.__u?(c=$o(u,c,e,!h.__v),h.__e&&(h.__e=null)):typeof u.type=="function"&&_!==void 0?c=_:g&&(c=g.nextSibling),u.__u&=-21);return n.__e=b,c}function ga(e,t,n,o,r){var a,i,l,c,p,d,f,h,u,g=n.length,b=g,_=0,k=0,w=e.__k=Array(r);for(a=0;a<r;a++)(i=t[a])!=null&&typeof i!="boolean"&&typeof i!="function"?(typeof i!="object"||i.constructor===String?i=w[a]=ut(null,i):bn(i)?i=w[a]=ut(De,{children:i}):i.constructor===dt&&i.__b?i=w[a]=ut(i.type,i.props,i.key,i.ref,i.__v):w[a]=i,c=a+_,i.__=e,i.__b=e.__b+1,l=null,~(p=i.__i=va(i,n,c,b))&&(b--,(l=n[p])&&(l.__u|=2)),l&&l.__v?(i.__u|=16,p==c-1?_--:p==c+1?_++:p!=c&&(p>c?_--:_++,k=1)):(~p||(r>g?_--:r<g&&_++),typeof i.type!="function"&&(i.__u|=4))):w[a]=null;if(k){for(d=[],f=[],a=0;a<r;a++)if((i=w[a])&&16&i.__u){for(_=0,h=d.length;_<h;)d[u=_+h>>1]<i.__i?_=u+1:h=u;d[_]=i.__i,f[a]=_+1}for(_=d.length;a--;)f[a]&&(f[a]==_?_--:w[a].__u|=4)}if(b)for(a=0;a<g;a++)!(l=n[a])||2&l.__u||(l.__e==o&&(o=ye(l)),yn(l,l));return o}function $o(e,t,n,o){var r,a,i,l;if(typeof e.type=="function"){if(e.props.__P)return t;if(r=e.__k)for(a=0;a<r.length;a++)r[a]&&(r[a].__=e,t=$o(r[a],t,n,!1));return t}for(t&&!t.parentNode&&(t=ye(e))&&!t.parentNode&&(t=null),i=e.__e,l=t;l&&l.nodeType==8;)l=l.nextSibling;for(i!=l&&(!o&&n.moveBefore&&i.parentNode?n.moveBefore(i,t):n.insertBefore(i,t||null)),t=i;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function va(e,t,n,o){var r,a=e.key,i=e.type,l=t[n],c=l&&!(2&l.__u);if(l===null&&a==null||c&&a==l.key&&i==l.type)return n;if(o>(c?1:0)){for(r=n-1;r>=0;r--)if((l=t[r])&&!(2&l.__u)&&a==l.key&&i==l.type)return r;for(r=n+1;r<t.length;r++)if((l=t[r])&&!(2&l.__u)&&a==l.key&&i==l.type)return r}return-1}function mo(e,t,n){n==null&&(n=""),t[0]=="-"?e.setProperty(t,n):e[t]=n}function Dt(e,t,n,o,r){var a,i;if(t=="style")if(typeof n=="string")e.style.cssText=n;else{if(typeof o=="string"&&(e.style.cssText=o=""),o)for(t in o)n&&t in n||mo(e.style,t);if(n)for(t in n)o&&n[t]==o[t]||mo(e.style,t,n[t])}else if(t[0]=="o"&&t[1]=="n")typeof n!="function"&&(n=null),typeof o!="function"&&(o=null),(e.__e||(e.__e={}))[t]=n,n&&o||(i=hn[t]||(hn[t]=ba(t)),(e.__a||(e.__a={}))[t]=vn,a=t!=(t=t.replace(vo,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),n?e.addEventListener(t,i,a):e.removeEventListener(t,i,a));else{if(r=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&n==1?"":n)}}function ba(e){return function(t){var n=this.__e;if(n){if(n=n[e],t[At]==null)t[At]=vn++;else if(t[At]<this.__a[e])return;return n(T.event?T.event(t):t)}}}function wn(e,t,n,o,r,a,i,l,c,p){var d,f,h,u,g,b,_,k,w,M,P,ze,ct,Ot,Me,po,we,Pe,ue=t.type;if(t.constructor!==dt)return null;128&n.__u&&(c=32&n.__u,d=n.__c.__z)&&(t.__u|=c,f=a=[],d.nodeType==8?l=Rt(d,a):a.push(d),l=a[0]||l),(d=T.__b)&&d(t);e:if(typeof ue=="function"){h=i.length;try{if(k=t.props,w=(d=ue.prototype)&&d.render,M=(d=ue.contextType)&&o[d.__c],P=d?M?M.props.value:d.__:o,(u=n.__c)?(t.__c=u,2&u.__g&&(u.__g|=1)):(w?t.__c=u=new ue(k,P):(t.__c=u=new Oe(k,P),u.constructor=ue,u.render=wa),M&&M.sub(u),u.state||(u.state={}),u.__n=o,u.__g|=8,u.__h=[],u.__k=[]),w&&(u.__s||(u.__s=u.state),ue.getDerivedStateFromProps&&(u.__s==u.state&&(u.__s=Ee({},u.__s)),Ee(u.__s,ue.getDerivedStateFromProps(k,u.__s)))),g=u.props,b=u.state,u.__v=t,n.__c){if(k!==g&&w&&!ue.getDerivedStateFromProps&&u.componentWillReceiveProps&&u.componentWillReceiveProps(k,P),t.__v==n.__v&&!(8&u.__g)||!(4&u.__g)&&u.shouldComponentUpdate&&u.shouldComponentUpdate(k,u.__s,P)===!1){t.__v!=n.__v&&(u.props=k,u.state=u.__s,u.__g&=-9),t.__e=n.__e,t.__k=n.__k,t.__k.some(function(Y){Y&&(Y.__=t)}),Wt.push.apply(u.__h,u.__k),u.__k=[],u.__h.length&&i.push(u),l=ye(n);break e}u.componentWillUpdate&&u.componentWillUpdate(k,u.__s,P),w&&u.componentDidUpdate&&u.__h.push(function(){u.componentDidUpdate(g,b,_)})}else w&&!ue.getDerivedStateFromProps&&u.componentWillMount&&u.componentWillMount(),w&&u.componentDidMount&&u.__h.push(u.componentDidMount);u.context=P,u.props=k,u.__P=e,u.__g&=-5,ze=T.__r,ct=w?25:0;do u.__g&=-9,ze&&ze(t),d=u.render(u.props,u.state=u.__s,u.context);while(8&u.__g&&++ct<25);w&&(Wt.push.apply(u.__h,u.__k),u.__k=[]),u.state=u.__s,u.getChildContext&&(o=Ee({},o,u.getChildContext())),w&&n.__c&&u.getSnapshotBeforeUpdate&&(_=u.getSnapshotBeforeUpdate(g,b)),Ot=d&&d.type===De&&d.key==null?d.props.children:d,k.__P&&(d=l,r=(e=k.__P).namespaceURI,c=a=null,n.props&&n.props.__P!=e&&(n.__k.some(function(Y){Y&&yn(Y,Y)}),n.__k=null),l=n.__k?ye(n,0):null),l=wo(e,bn(Ot)?Ot:[Ot],t,n,o,r,a,i,l,c,p),k.__P&&(t.__e=null,l=d),t.__u&=-161,f&&f.some(Ve),u.__h.length&&i.push(u),1&u.__g&&(u.__g&=-4)}catch(Y){if(i.length=h,t.__v=null,c||a)if(Y&&Y.then){if(t.__u|=128|c,a){for(~(we=a.indexOf(l||void 0))||(we=a.length);(Pe=a[we-1])&&Pe.nodeType==8;)we--;for(;we<a.length;we++)if(Pe=a[we])if(a[we]=null,Me){if(Pe==po)break}else{if(Pe.nodeType!=8)break;Pe.data.startsWith("$s")&&(po=Rt(Me=Pe))}}if(!Me){for(;l&&l.nodeType==8&&l.nextSibling;)l=l.nextSibling;Me=l}(d=Rt(Me=t.__c.__z||(t.__c.__z=Me)))?(t.__e=Me,l=d):t.__e=l,l=l&&l.nextSibling}else a&&a.some(Ve);else t.__e=n.__e;t.__k||(t.__k=n.__k||[]),Y&&Y.then||yo(t),T.__e(Y,t,n)}}else l=t.__e=_a(n.__e,t,n,o,r,a,i,c,p,e);return(d=T.diffed)&&d(t),l}function Rt(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))n++;else if(e.data.startsWith("/$s")&&!--n)return e}t&&t.push(e)}}function yo(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(yo))}function ko(e,t,n){for(var o=0;o<n.length;)$n(n[o++],n[o++],n[o++]);T.__c&&T.__c(t,e),e.some(function(r){try{e=r.__h,r.__h=[],e.some(function(a){a.call(r)})}catch(a){T.__e(a,r.__v)}})}function _a(e,t,n,o,r,a,i,l,c,p){var d,f,h,u,g,b,_,k,w=n.props||It,M=t.props,P=t.type;if(P=="svg"?r="http://www.w3.org/2000/svg":P=="math"?r="http://www.w3.org/1998/Math/MathML":r||(r="http://www.w3.org/1999/xhtml"),a){for(d=0;d<a.length;d++)if((g=a[d])&&(P?g.localName==P:g.nodeType==3)){e=g,a[d]=null;break}}if(!e){if(k=p.ownerDocument||document,!P)return k.createTextNode(M);e=k.createElementNS(r,P,M.is?M:p),l&&(T.__m&&T.__m(t,a),l=!1),a=null}if(P){if(p=P=="template"&&e.content||e,a=P=="textarea"&&M.defaultValue!=null?null:a&&_n.call(p.childNodes),!l&&a)for(w={},d=0;d<e.attributes.length;d++)w[(g=e.attributes[d]).name]=g.value;for(d in w)g=w[d],d=="dangerouslySetInnerHTML"?h=g:d=="children"||d in M||d=="value"&&"defaultValue"in M||d=="checked"&&"defaultChecked"in M||Dt(e,d,null,g,r);for(d in M)g=M[d],d=="children"?u=g:d=="dangerouslySetInnerHTML"?f=g:d=="value"?b=g:d=="checked"?_=g:l&&typeof g!="function"||w[d]===g||Dt(e,d,g,w[d],r);f?(l||h&&(f.__html==h.__html||f.__html==e.innerHTML)||(e.innerHTML=f.__html),t.__k=[]):(h&&(e.textContent=""),(P=="foreignObject"||r=="http://www.w3.org/1998/Math/MathML"&&ma.test(P))&&(r="http://www.w3.org/1999/xhtml"),wo(p,bn(u)?u:[u],t,n,o,r,a,i,a?a[0]:n.__k&&ye(n,0),l,c),a&&a.some(Ve)),l&&P!="textarea"||(d="value",P=="progress"&&b==null?e.removeAttribute(d):b==null||b===e[d]&&(P!="progress"||b)||Dt(e,d,b,w[d],r),d="checked",_!=null&&_!=e[d]&&Dt(e,d,_,w[d],r))}else w===M||l&&e.data==M||(e.data=M);return e}function $n(e,t,n,o){try{typeof e=="function"?t?t.__x=e(t)||1:o&&(o=o.__c||o.__e)&&(t=o.__x)&&(o.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(r){T.__e(r,n)}}function yn(e,t,n){var o,r,a,i;if(T.unmount&&T.unmount(e),!(o=e.ref)||o.current&&o.current!=e.__e||$n(o,null,t,e),o=e.__c){if(o.componentWillUnmount)try{o.componentWillUnmount()}catch(l){T.__e(l,t)}o.__P=o.__n=null}if(o=e.__k)for(i=0;i<o.length;i++)o[i]&&yn(o[i],t,typeof e.type!="function"||n&&!e.props.__P);!n&&(o=e.__c)&&(o=o.__z)&&(r=Rt(o,a=[]))&&(o==e.__e&&a.some(Ve),Ve(r),Ve(o)),n||Ve(e.__e),e.__e=e.__c=e.__=null}function wa(e,t,n){return this.constructor(e,n)}function kn(e,t){var n,o,r,a;T.__&&T.__(e,t),t.nodeType==9&&(t=t.documentElement),o=(n=e&&32&e.__u)?null:t.__k,t.__k=ut(De,{children:[e]}),r=[],a=[],wn(t,t.__k,o||It,It,t.namespaceURI,o?null:t.firstChild?_n.call(t.childNodes):null,r,o?o.__e:t.firstChild,n,a),ko(r,t.__k,a),t.__k.props.children=null}T={__e:function(e,t,n,o){for(var r,a,i;t=t.__;)if((r=t.__c)&&!(1&r.__g)){r.__g|=4;try{if((i=(a=r.constructor)&&a.getDerivedStateFromError)&&r.setState(a.getDerivedStateFromError(e)),r.componentDidCatch&&(r.componentDidCatch(e,o||{}),i=1),i&&8&r.__g)return void(r.__g|=2)}catch(l){e=l}}throw Lt=0,e}},ho=0,gn=function(e){return e!=null&&e.constructor===dt},Oe.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=Ee({},this.state)),typeof e=="function"&&(e=e(Ee({},n),this.props)),e&&(Ee(n,e),this.__v&&(t&&this.__k.push(t),fo(this)))},Oe.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),fo(this))},Oe.prototype.render=De,$e=[],Lt=0,go=function(e,t){return e.__v.__b-t.__v.__b},At=Symbol(),vo=/(PointerCapture)$|Capture$/i,vn=0,hn={},fa=0;var Be,D,xn,xo,Sn=Object.is,Ht=0,Oo=[],Nn=[],R=T,So=R.__b,No=R.__r,To=R.diffed,Co=R.__c,Mo=R.unmount,Po=R.__;function Ft(e,t){R.__h&&R.__h(D,e,Ht||t),Ht=0;var n=D.__H||(D.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function Ue(e){return Ht=1,$a(Ro,e)}function $a(e,t,n){var o=Ft(Be++,2);if(o.t=e,!o.__c&&(o.__=[n?n(t):Ro(void 0,t),function(a){var i=(o.__N||o.__)[0],l=o.t(i,a);Sn(i,l)||(o.__N=[l,o.__[1]],o.__c.setState({}))}],o.__c=D,!D.__f)){D.__f=!0;var r=D.shouldComponentUpdate;D.shouldComponentUpdate=function(a,i,l){var c=this.__H;if(!c)return!0;var p=!1,d=this.props!=a;if(c.__.some(function(h){h.__N&&(p=!0,Sn(h.__[0],h.__N[0])||(d=!0))}),r){var f=r.call(this,a,i,l);return p?f||d:f}return!p||d}}return o.__}function q(e,t){var n=Ft(Be++,3);!R.__s&&Ao(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,D.__H.__h.push(n))}function Q(e){return Ht=5,Ge(function(){return{current:e}},[])}function Ge(e,t){var n=Ft(Be++,7);return Ao(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function Do(e){var t=Ft(Be++,10),n=Ue();return t.__=e,D.componentDidCatch||(D.componentDidCatch=function(o,r){t.__&&t.__(o,r),n[1](o)}),[n[0],function(){return n[1]()}]}function ya(){var e;do{for(;e=Nn.shift();)try{ft(e)}catch(n){R.__e(n,{__:(e=e.__P)&&e.__v})}for(;e=Oo.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(ft),t.__h.some(Tn),t.__h=[]}catch(n){t.__h=[],R.__e(n,e.__v)}}}while(Nn.length)}R.__b=function(e){D=null,So&&So(e)},R.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),Po&&Po(e,t)},R.__r=function(e){No&&No(e),Be=0;var t=(D=e.__c).__H;t&&(xn==D?D.__h=[]:(t.__h.some(ft),t.__h.some(Tn),Be=0),t.__h=[],t.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),xn=D},R.diffed=function(e){To&&To(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&Eo(Oo.push(t)),t.__H.__.some(function(n){n.u&&(n.__H=n.u)})),xn=D=null},R.__c=function(e,t){t.some(function(n){try{n.__h.some(ft),n.__h=n.__h.filter(function(o){return!o.__||Tn(o)})}catch(o){n.__h=[function(){throw o}]}}),Co&&Co(e,t)},R.unmount=function(e){Mo&&Mo(e);var t,n,o=e.__c;o&&o.__H&&(o.__H.__.some(function(r){try{if(r.__P&&r.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}r.__P=n,Eo(Nn.push(r))}else ft(r)}catch(a){t=a}}),o.__H=void 0,t&&R.__e(t,o.__v))};var Vo=typeof requestAnimationFrame=="function";function ka(e){var t,n=function(){clearTimeout(o),Vo&&cancelAnimationFrame(t),setTimeout(e)},o=setTimeout(n,35);Vo&&(t=requestAnimationFrame(n))}function Eo(e){e!=1&&xo==R.requestAnimationFrame||((xo=R.requestAnimationFrame)||ka)(ya)}function ft(e){var t=D,n=e.__c;typeof n=="function"&&(e.__c=void 0,n()),D=t}function Tn(e){var t=D;e.__c=e.__(),D=t}function Ao(e,t){return!e||e.length!=t.length||t.some(function(n,o){return!Sn(n,e[o])})}function Ro(e,t){return typeof t=="function"?t(e):t}var xa=Symbol.for("preact-signals");function Ut(){if(de>1)de--;else{var e,t=!1;for((function(){var r=zt;for(zt=void 0;r!==void 0;){var a=r.S;if(a.v===r.v)for(var i=a.t;i!==void 0;i=i.x)i.i===r.i&&(i.i=a.i);r=r.o}})();ht!==void 0;){var n=ht;for(ht=void 0,jt++;n!==void 0;){var o=n.u;if(n.u=void 0,n.f&=-3,!(8&n.f)&&Io(n))try{n.c()}catch(r){t||(e=r,t=!0)}n=o}}if(jt=0,de--,t)throw e}}function Mn(e){if(de>0)return e();Cn=++Sa,de++;try{return e()}finally{Ut()}}var mt,V=void 0;function gt(e){var t=V,n=mt;V=void 0,mt=void 0;try{return e()}finally{V=t,mt=n}}var ht=void 0,de=0,jt=0,Sa=0,Cn=0,zt=void 0,Bt=0;function Lo(e){if(V!==void 0){var t=e.n;if(t===void 0||t.t!==V)return t={i:0,S:e,p:V.s,n:void 0,t:V,e:void 0,x:void 0,r:t},V.s!==void 0&&(V.s.n=t),V.s=t,e.n=t,32&V.f&&e.S(t),t;if(t.i===-1)return t.i=0,t.n!==void 0&&(t.n.p=t.p,t.p!==void 0&&(t.p.n=t.n),t.p=V.s,t.n=void 0,V.s.n=t,V.s=t),t}}function L(e,t){this.v=e,this.i=0,this.n=void 0,this.t=void 0,this.l=0,this.W=t?.watched,this.Z=t?.unwatched,this.name=t?.name}L.prototype.brand=xa;L.prototype.h=function(){return!0};L.prototype.S=function(e){var t=this,n=this.t;n!==e&&e.e===void 0&&(e.x=n,this.t=e,n!==void 0?n.e=e:gt(function(){var o;(o=t.W)==null||o.call(t)}))};L.prototype.U=function(e){var t=this;if(this.t!==void 0){var n=e.e,o=e.x;n!==void 0&&(n.x=o,e.e=void 0),o!==void 0&&(o.e=n,e.x=void 0),e===this.t&&(this.t=o,o===void 0&&gt(function(){var r;(r=t.Z)==null||r.call(t)}))}};L.prototype.subscribe=function(e){var t=this;return G(function(){var n=t.value;gt(function(){return e(n)})},{name:"sub"})};L.prototype.valueOf=function(){return this.value};L.prototype.toString=function(){return this.value+""};L.prototype.toJSON=function(){return this.value};L.prototype.peek=function(){var e=this;return gt(function(){return e.value})};Object.defineProperty(L.prototype,"value",{get:function(){var e=Lo(this);return e!==void 0&&(e.i=this.i),this.v},set:function(e){if(e!==this.v){if(jt>100)throw new Error("Cycle detected");(function(n){de!==0&&jt===0&&n.l!==Cn&&(n.l=Cn,zt={S:n,v:n.v,i:n.i,o:zt})})(this),this.v=e,this.i++,Bt++,de++;try{for(var t=this.t;t!==void 0;t=t.x)t.t.N()}finally{Ut()}}}});function v(e,t){return new L(e,t)}function Io(e){for(var t=e.s;t!==void 0;t=t.n)if(t.S.i!==t.i||!t.S.h()||t.S.i!==t.i)return!0;return!1}function Wo(e){for(var t=e.s;t!==void 0;t=t.n){var n=t.S.n;if(n!==void 0&&(t.r=n),t.S.n=t,t.i=-1,t.n===void 0){e.s=t;break}}}function Ho(e){for(var t=e.s,n=void 0;t!==void 0;){var o=t.p;t.i===-1?(t.S.U(t),o!==void 0&&(o.n=t.n),t.n!==void 0&&(t.n.p=o)):n=t,t.S.n=t.r,t.r!==void 0&&(t.r=void 0),t=o}e.s=n}function Ae(e,t){L.call(this,void 0,t),this.x=e,this.s=void 0,this.g=Bt-1,this.f=4}Ae.prototype=new L;Ae.prototype.h=function(){if(this.f&=-3,1&this.f)return!1;if((36&this.f)==32||(this.f&=-5,this.g===Bt))return!0;if(this.g=Bt,this.f|=1,this.i>0&&!Io(this))return this.f&=-2,!0;var e=V;try{Wo(this),V=this;var t=this.x();(16&this.f||this.v!==t||this.i===0)&&(this.v=t,this.f&=-17,this.i++)}catch(n){this.v=n,this.f|=16,this.i++}return V=e,Ho(this),this.f&=-2,!0};Ae.prototype.S=function(e){if(this.t===void 0){this.f|=36;for(var t=this.s;t!==void 0;t=t.n)t.S.S(t)}L.prototype.S.call(this,e)};Ae.prototype.U=function(e){if(this.t!==void 0&&(L.prototype.U.call(this,e),this.t===void 0)){this.f&=-33;for(var t=this.s;t!==void 0;t=t.n)t.S.U(t)}};Ae.prototype.N=function(){if(!(2&this.f)){this.f|=6;for(var e=this.t;e!==void 0;e=e.x)e.t.N()}};Object.defineProperty(Ae.prototype,"value",{get:function(){if(1&this.f)throw new Error("Cycle detected");var e=Lo(this);if(this.h(),e!==void 0&&(e.i=this.i),16&this.f)throw this.v;return this.v}});function I(e,t){return new Ae(e,t)}function Fo(e){var t=e.j;if(e.j=void 0,typeof t=="function"){de++;var n=V;V=void 0;try{t()}catch(o){throw e.f&=-2,e.f|=8,Pn(e),o}finally{V=n,Ut()}}}function Pn(e){for(var t=e.s;t!==void 0;t=t.n)t.S.U(t);e.x=void 0,e.s=void 0,Fo(e)}function Na(e){if(V!==this)throw new Error("Out-of-order effect");Ho(this),V=e,this.f&=-2;try{8&this.f&&Pn(this)}finally{Ut()}}function Ke(e,t){this.x=e,this.j=void 0,this.s=void 0,this.u=void 0,this.f=32,this.name=t?.name,mt&&mt.push(this)}Ke.prototype.c=function(){var e=this.S();try{if(8&this.f||this.x===void 0)return;var t=this.x();typeof t=="function"&&(this.j=t)}finally{e()}};Ke.prototype.S=function(){if(1&this.f)throw new Error("Cycle detected");this.f|=1,this.f&=-9,Fo(this),Wo(this),de++;var e=V;return V=this,Na.bind(this,e)};Ke.prototype.N=function(){2&this.f||(this.f|=2,this.u=ht,ht=this)};Ke.prototype.d=function(){this.f|=8,1&this.f||Pn(this)};Ke.prototype.dispose=function(){this.d()};function G(e,t){var n=new Ke(e,t);try{n.c()}catch(r){throw n.d(),r}var o=n.d.bind(n);return o[Symbol.dispose]=o,o}var jo,Kt,Gt,Ta=typeof window<"u"&&!!window.__PREACT_SIGNALS_DEVTOOLS__;var zo=[];G(function(){jo=this.N})();function qe(e,t){T[e]=t.bind(null,T[e]||function(){})}function vt(e){if(Gt){var t=Gt;Gt=void 0,t()}Gt=e&&e.S()}function Bo(e){var t=this,n=e.data,o=Ma(n);o.name="ReactiveDom",o.value=n;var r=Ge(function(){for(var l=t,c=t.__v;c=c.__;)if(c.__c){c.__c.__$f|=4;break}var p=I(function(){var u=o.value.value;return u===0?0:u===!0?"":u||""}),d=I(function(){return!Array.isArray(p.value)&&!gn(p.value)}),f=G(function(){if(this.N=Uo,d.value){var u=p.value;l.__v&&l.__v.__e&&l.__v.__e.nodeType===3&&(l.__v.__e.data=u)}}),h=t.__$u.d;return t.__$u.d=function(){f(),h.call(this)},[d,p]},[]),a=r[0],i=r[1];return a.value?i.peek():i.value}Bo.displayName="ReactiveTextNode";Object.defineProperties(L.prototype,{constructor:{configurable:!0,value:pt(De,null).constructor},type:{configurable:!0,value:Bo},props:{configurable:!0,get:function(){var e=this;return{data:{get value(){return e.value}}}}},__b:{configurable:!0,value:1}});qe("__b",function(e,t){if(vt(),Kt=void 0,typeof t.type=="string"){var n,o=t.props;for(var r in o)if(r!=="children"){var a=o[r];a instanceof L&&(n||(t.__np=n={}),n[r]=a,o[r]=a.peek())}}e(t)});qe("__r",function(e,t){if(e(t),t.type!==De){vt();var n,o=t.__c;o&&(o.__$f&=-2,(n=o.__$u)===void 0&&(o.__$u=n=(function(r,a){var i;return G(function(){i=this},{name:a}),i.c=r,i})((function(r){return function(){var a;Ta&&((a=this.y)==null||a.call(this)),r.__$f|=1,r.setState({})}})(o),typeof t.type=="function"?t.type.displayName||t.type.name:""))),Kt=o,vt(n)}});qe("__e",function(e,t,n,o){vt(),Kt=void 0,e(t,n,o)});qe("diffed",function(e,t){vt(),Kt=void 0;var n;if(typeof t.type=="string"&&(n=t.__e)){var o=t.__np,r=t.props,a=n.U;if(a)for(var i in a){var l=a[i];l===void 0||o&&i in o||(l.d(),a[i]=void 0)}if(o){a||(a={},n.U=a);for(var c in o){var p=a[c],d=o[c];p===void 0?(p=Ca(n,c,d,r),a[c]=p):p.o(d,r)}}}e(t)});function Ca(e,t,n,o){var r=t in e&&e.ownerSVGElement===void 0,a=v(n);return{o:function(i,l){a.value=i,o=l},d:G(function(){this.N=Uo;var i=a.value.value;o[t]!==i&&(o[t]=i,r?e[t]=i:i!=null&&(i!==!1||t[4]==="-")?e.setAttribute(t,i):e.removeAttribute(t))})}}qe("unmount",function(e,t){if(typeof t.type=="string"){var n=t.__e;if(n){var o=n.U;if(o){n.U=void 0;for(var r in o){var a=o[r];a&&a.d()}}}var i=t.__np;if(i){var l=t.props;for(var c in i)l[c]=i[c]}t.__np=void 0}else{var p=t.__c;if(p){p.__$f|=8;var d=p.__$u;d&&(p.__$u=void 0,d.d())}}e(t)});qe("__h",function(e,t,n,o){o<3&&(t.__$f|=2),e(t,n,o)});Oe.prototype.shouldComponentUpdate=function(e,t){if(this.__R)return!0;var n=this.__$u,o=n&&n.s!==void 0;for(var r in t)return!0;if(this.__f||typeof this.u=="boolean"&&this.u===!0){var a=2&this.__$f;if(!(o||a||4&this.__$f)||1&this.__$f)return!0}else if(!(o||4&this.__$f)||3&this.__$f)return!0;for(var i in e)if(i!=="__source"&&e[i]!==this.props[i])return!0;for(var l in this.props)if(!(l in e))return!0;return!1};function Ma(e,t){return Ge(function(){return v(e,t)},[])}var Pa=function(e){queueMicrotask(function(){queueMicrotask(e)})};function Va(){Mn(function(){for(var e;e=zo.shift();)jo.call(e)})}function Uo(){zo.push(this)===1&&(T.requestAnimationFrame||Pa)(Va)}var Xe={"on-time":"On time","at-risk":"At risk",late:"Late",holding:"Holding",unknown:"Unknown"};function Re(e){let{backlog:t,oldest_age_seconds:n,drain_within_seconds:o}=e;if(n!==null&&n>o)return"late";if(t===null)return"unknown";if(e.hold)return"holding";let r=Vn(e);return e.late_jobs>0||r.kind==="over"||r.kind==="never"?"at-risk":r.kind==="unknown"?"unknown":"on-time"}function Vn(e){let{drain_eta_seconds:t,drain_within_seconds:n,backlog:o}=e;return t===null?{kind:o!==null&&e.partitions_known===e.partitions&&e.arrival_rate!==null?"never":"unknown"}:o===0?{kind:"clear"}:t>n?{kind:"over",seconds:t,over:t-n}:{kind:"within",seconds:t,spare:n-t}}var pe=.75;function Go(e,t){if(e.kind!=="within"&&e.kind!=="over")return{done:0,over:0,isCut:!1};let n=e.seconds/t*pe;return{done:Math.min(n,pe),over:Math.max(0,Math.min(n,1)-pe),isCut:n>1}}function qt(e){let t={base:0,burst:0,booting:0,max:0};for(let n of e)t[n.kind]+=n.ready+n.draining,t.booting+=n.booting,t.max+=n.max;return t}function En(...e){return e.reduce((t,n)=>t===null||n===null||n===void 0?null:t+n,0)}function bt(e,t){switch(t){case"action":return e.actions.length>0;case"hold":return e.hold!==null;case"trouble":return e.reasons.some(n=>n.trouble)}}function Ea({verb:e,from:t,to:n}){return e==="ScaleBase"?(n??0)>(t??0):e==="Launch"||e==="Adopt"}function Xt(e){return bt(e,"action")?e.actions.some(Ea)?"grow":"shrink":e.hold?"hold":bt(e,"trouble")?"trouble":"note"}var On=5;function Dn(e,t){return e<=0||t<=0?0:Math.max(1,Math.ceil(Math.min(1,e/t)*On))}var se=class extends Error{constructor(n,o,r){super(n);this.status=o;this.problem=r}status;problem},Oa={"content-type":"application/json","x-spillway-request":"1"};async function Ko(e,t){let n;try{n=await fetch(`api/v1/${e}`,t)}catch(o){throw t.signal?.aborted?o:new se("the controller does not answer",0,{})}if(!n.ok){let o=await n.json().catch(()=>({}));throw new se(o.detail??`the controller answered ${n.status}`,n.status,o)}return n.status===204?null:await n.json()}function fe(e,t){return Ko(e,{headers:{accept:"application/json"},...t?{signal:t}:{}})}function _t(e,t,n="POST"){return Ko(e,{method:n,headers:Oa,body:JSON.stringify(t)})}function ke(e,t,n){return _t(`policies/${encodeURIComponent(e)}/${t}`,n)}function le(e){return e instanceof Error?e.message:String(e)}var E="unknown",Jt=new Intl.NumberFormat("en-US",{maximumFractionDigits:0}),In=new Intl.NumberFormat("en-US",{minimumFractionDigits:1,maximumFractionDigits:1}),Da=new Intl.NumberFormat("en-US",{minimumFractionDigits:2,maximumFractionDigits:2});function J(e){return e!=null&&Number.isFinite(e)}function m(e){return J(e)?Jt.format(e):E}function Z(e){if(!J(e))return E;let t=Math.abs(e);for(let[n,o]of[[1e9,"G"],[1e6,"M"],[1e3,"k"]])if(t>=n*.99995){let r=e/n,a=Math.abs(r)<9.95?1:0;return`${r.toFixed(a).replace(/\.0$/,"")}${o}`}return Number.isInteger(e)?String(e):In.format(e).replace(/\.0$/,"")}function A(e){return J(e)?`${Math.abs(e)<99.95?In.format(e):Jt.format(e)}/s`:E}var Rn=86400,Ln=3600,Je=60;function $(e){if(!J(e))return E;if(e<0)return`−${$(-e)}`;let t=Math.round(e);if(t<Je)return`${t}s`;if(t<Ln)return An(Math.floor(t/Je),"m",t%Je,"s");let n=Math.round(t/Je);if(t<Rn&&n<Rn/Je)return An(Math.floor(n/60),"h",n%60,"m");let o=Math.round(t/Ln);return An(Math.floor(o/24),"d",o%24,"h")}function An(e,t,n,o){return n===0?`${e}${t}`:`${e}${t} ${n}${o}`}function y(e){return J(e)?e<0?`−${y(-e)}`:e>0&&e<5e-5?"<$0.0001":e>0&&e<.09995?`$${e.toFixed(4)}`:`$${Da.format(e)}`:E}function H(e){return J(e)?`${y(e)}/h`:E}function ee(e){return J(e)?`${Jt.format(e*100)}%`:E}function Wn(e){if(!J(e))return E;for(let[t,n]of[[1e9,"GB"],[1e6,"MB"],[1e3,"kB"]])if(e>=t)return`${In.format(e/t)} ${n}`;return`${Jt.format(e)} B`}function me(e,t){return`${m(e)} ${t}${e===1?"":"s"}`}function x(e){let t=Date.parse(e.replace(/(\.\d{3})\d+/,"$1"));return Number.isNaN(t)?null:t/1e3}var Aa=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"}),Ra=new Intl.DateTimeFormat("en-GB",{year:"numeric",month:"short",day:"numeric",hour:"2-digit",minute:"2-digit",second:"2-digit",timeZoneName:"short"});function C(e){return J(e)?Aa.format(e*1e3):E}function xe(e,t){let[n,o]=[x(e),t===void 0?null:x(t)];return n===null||o===null?null:Math.abs(n-o)}function Ye(e){return J(e)&&e<1.5?"now":J(e)?`${$(e)} ago`:E}function Qe(e){return J(e)?Ra.format(e*1e3):E}var La=new Intl.DateTimeFormat("en-GB",{weekday:"short",day:"numeric",month:"short"});function K(e){return J(e)?La.format(e*1e3):E}function Ia(e){return e.replace(/_(seconds|per_hour)$/,(t,n)=>n==="per_hour"?" now":"").replaceAll("_"," ")}function Wa(e,t){return e==="drain_eta_seconds"&&t===null?"never or unknown":t==null?E:typeof t=="boolean"?t?"yes":"no":typeof t=="string"?Ha(t)??t:typeof t!="number"?JSON.stringify(t):e.endsWith("_seconds")?$(t):e.endsWith("_per_hour")?H(t):/(^|_)(cost|dollars|budget|price|spent)(_|$)/.test(e)?y(t):/(^|_)rate(_|$)/.test(e)?A(t):e.endsWith("_ratio")?ee(t):Number.isInteger(t)?m(t):String(Number(t.toPrecision(4)))}function Ha(e){let t=/^(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/i.exec(e);if(!t||e.length<3)return null;let[,n,o=0,r=0,a=0,i=0]=t,l=Number(o)*Rn+Number(r)*Ln+Number(a)*Je+Number(i);return $(n?-l:l)}function Hn(e,t=[]){return Object.entries(e).flatMap(([n,o])=>{let r=[...t,Ia(n)];return o!==null&&typeof o=="object"?Hn(o,r):[[r.join(" › "),Wa(n,o)]]})}var qo=["backlog","oldest_age_seconds","drain_eta_seconds","arrival_rate","service_rate","base","burst","booting","desired","cost_per_hour","burst_cost_per_hour"],Yt=e=>`pool ${e}`,ja=["backlog","oldest_age_seconds","drain_eta_seconds"],za=1e3,Ze=class e{constructor(t=1,n=3600){this.step=t;this.span=n}step;span;at=[];columns=Object.fromEntries(qo.map(t=>[t,[]]));marks=[];oldest=null;#e=-1/0;static of(t,n,o){let r=new e(t.step_seconds,o),{at:a,series:i,pools:l}=t;r.at.push(...a),r.#e=a.at(-1)??-1/0;let{columns:c}=r;for(let d of qo)d in i&&(c[d]=i[d].slice());let p=(d,...f)=>{let h=Object.entries(l).filter(([u])=>d(n.get(u)??"burst")).flatMap(([,u])=>f.map(g=>u[g]));return a.map((u,g)=>h.reduce((b,_)=>Xo(b,_[g]),null))};c.base=p(d=>d==="base","ready","draining"),c.burst=p(d=>d!=="base","ready","draining"),c.booting=p(()=>!0,"booting"),c.desired=p(()=>!0,"desired");for(let[d,{ready:f,booting:h,draining:u}]of Object.entries(l))c[Yt(d)]=a.map((g,b)=>[f,h,u].reduce((_,k)=>Xo(_,k[b]),null));return r.oldest=t.oldest===null?null:x(t.oldest),r.marks=t.markers.flatMap(Ba).sort((d,f)=>f.id-d.id),r}push(t){let{at:n,columns:o}=this,{at:r,...a}=t;for(let l of Object.keys(a))o[l]??=n.map(()=>null);let i=n.length-1;if(!(i>=0&&r<=n[i])){if(r<this.#e+this.step*.75){n[i]=r;for(let[l,c]of Object.entries(o)){let p=c[i]??null,d=a[l]??null;c[i]=ja.includes(l)&&p!==null&&d!==null?Math.max(p,d):d}return}this.#e=r,n.push(r);for(let[l,c]of Object.entries(o))c.push(a[l]??null);this.#t(r-this.span)}}#t(t){let n=this.at.findIndex(o=>o>=t);if(!(n<30)){this.at.splice(0,n);for(let o of Object.values(this.columns))o.splice(0,n)}}mark(t){let n=x(t.at);if(n===null||this.marks.some(({id:a})=>a===t.id))return;let{id:o,sentence:r}=t;this.marks=[{id:o,at:n,kind:Xt(t),isOrder:!1,sentence:r},...this.marks].sort((a,i)=>i.id-a.id).slice(0,za)}};function Xo(e,t){return t==null?e:(e??0)+t}function Ba({id:e,at:t,kind:n,launches:o,drains:r,trouble:a,hold:i,sentence:l}){let c=x(t);if(c===null)return[];let p=n==="order",d=p?"order":o>0?"grow":r>0?"shrink":i?"hold":a?"trouble":"note";return[{id:e,at:c,kind:d,isOrder:p,sentence:l}]}function Jo(e,t){let{base:n,burst:o,booting:r}=qt(t.pools);return{...Object.fromEntries(t.pools.map(a=>[Yt(a.name),a.ready+a.booting+a.draining])),at:x(e)??0,backlog:t.backlog,oldest_age_seconds:t.oldest_age_seconds,drain_eta_seconds:t.drain_eta_seconds,arrival_rate:t.arrival_rate,service_rate:t.service_rate,base:n,burst:o,booting:r,desired:t.pools.reduce((a,i)=>a+i.desired,0),cost_per_hour:t.cost_per_hour,burst_cost_per_hour:t.burst_cost_per_hour}}var Ua=2e3,F=v("connecting"),z=v(null),et=I(()=>z.value?.may_operate===!0),O=v(null),wt=v(null),Fn=v(performance.now()/1e3),Qt=I(()=>wt.value===null?null:Math.max(0,Fn.value-wt.value)),Ga=6,Ne=I(()=>F.value==="lost"||(Qt.value??0)>Ga),$t=v(new URLSearchParams(location.search).get("policy")),ae=I(()=>{let e=O.value?.policies??[];return e.find(({name:t})=>t===$t.value)??e[0]??null}),ie=I(()=>ae.value?.name??null),j=v(3600),B=v(null),he=v(new Ze),Le=v(0),Ie=v(null),We=I(()=>`${ie.value}
${j.value}
${B.value??""}`);function Yo(e,t){he.value=t,Ie.value=e,Le.value+=1}var Se=v([]),tt=I(()=>Se.value.filter(e=>e.policy===ie.value)),ce=v(new Set),Zt=v(null),U=v(null);function Qo(e){e.at!==O.peek()?.at&&(wt.value=performance.now()/1e3),O.value=e;let t=ae.peek();!t||B.peek()!==null||Ie.peek()!==We.peek()||(he.peek().push(Jo(e.at,t)),Le.value+=1)}function nt(e){let t=new Map(Se.peek().map(n=>[n.id,n]));for(let n of e)t.set(n.id,n);Se.value=[...t.values()].sort((n,o)=>o.id-n.id).slice(0,Ua)}function Zo(e){$t.value=e,U.value=null;let t=new URL(location.href);t.searchParams.set("policy",e),history.pushState(null,"",t)}function X(e){return`${e}${e.includes("?")?"&":"?"}policy=${encodeURIComponent(ie.value??"")}`}var en=v(0);function Te(e){e instanceof se&&e.status===401&&(en.value+=1)}var er=v(0);function He(){er.value+=1}var jn={value:null,error:null,at:0};function te(e,t){let[n,o]=Ue({...jn,path:e}),r=er.value;return q(()=>{let a=new AbortController,i,l=async()=>{try{let c=await fe(e,a.signal);o({value:c,error:null,at:Date.now()/1e3,path:e})}catch(c){if(a.signal.aborted)return;o(p=>({...p.path===e?p:jn,error:c,path:e})),Te(c)}i=setTimeout(l,t*1e3)};return l(),()=>{a.abort(),clearTimeout(i)}},[e,t,r]),n.path===e?n:jn}function tr({value:e,error:t,at:n}){return e!==null&&t!==null?`as of ${C(n)}; it cannot be read again`:""}var tn=[["","Overview"],["timeline","Timeline"],["decisions","Decisions"],["fleet","Fleet"],["partitions","Partitions"],["market","Market"],["cost","Cost"],["what-if","What if"],["control","Control"],["health","Health"]],nr=v(location.hash);addEventListener("hashchange",()=>{nr.value=location.hash});var or=I(()=>nr.value.replace(/^#\/?/,"").split("/")),ge=I(()=>tn.find(([e])=>e===or.value[0])?.[0]??null),yt=I(()=>or.value[1]??""),ot=I(()=>tn.find(([e])=>e===ge.value)?.[1]??"Not found");function rr(e){location.hash=`/${e}`}var kt=200,Ka=720,ir=1e3,sr=15e3,qa=45,an=null,nn=ir,lr,rn=performance.now();function zn(){cr(),rn=performance.now();let e=new EventSource("api/v1/events");an=e;let t=(n,o)=>e.addEventListener(n,r=>{rn=performance.now(),o(JSON.parse(r.data))});e.addEventListener("open",()=>{nn=ir,rn=performance.now(),ce.value=new Set,Ie.value=null,F.value="live",He()}),t("state",n=>Qo(n)),t("decision",n=>{let o=n;nt([o]),o.policy===ie.peek()&&(he.peek().mark(o),Le.value+=1)}),t("order",He),e.addEventListener("error",()=>{(F.peek()==="live"||wt.peek()!==null)&&(F.value="lost"),e.readyState===EventSource.CLOSED&&(en.value+=1,lr=setTimeout(zn,nn),nn=Math.min(nn*2,sr))})}function cr(){clearTimeout(lr),an?.close(),an=null}function Xa(){Fn.value=performance.now()/1e3,F.peek()==="live"&&performance.now()-rn>qa*1e3&&(F.value="lost",zn())}function on(e,t){let n=new Set;G(()=>{let o=e();if(o===null||n.has(o))return;let r=()=>{n.add(o),t(o).then(()=>n.delete(o)).catch(a=>{Te(a),setTimeout(()=>{n.delete(o),e()===o&&r()},sr/3)})};r()})}var ar=()=>F.value==="live";async function Ja(e){nt(await fe(X(`decisions?limit=${kt}`))),ce.value=new Set([...ce.peek(),e])}async function Ya(e){let t=j.peek(),n=B.peek(),o=l=>new Date(l*1e3).toISOString(),r=n===null?`from=-${t}s`:`from=${o(n-t)}&to=${o(n)}`,a=await fe(X(`timeline?${r}&points=${Ka}`));if(We.peek()!==e)return;let i=new Map((ae.peek()?.pools??[]).map(({name:l,kind:c})=>[l,c]));Yo(e,Ze.of(a,i,t))}async function Qa(e){let t=await fe(`decisions/${e}`).catch(n=>{if(!(n instanceof se)||n.status!==404)throw n;Zt.value=e});t&&(nt([t]),t.policy!==ie.peek()&&($t.value=t.policy))}async function Za(){try{z.value=await fe("session")}catch(e){throw z.peek()===null&&(F.value="lost"),e}}function ur(){setInterval(Xa,1e3),addEventListener("popstate",()=>{$t.value=new URLSearchParams(location.search).get("policy")}),on(()=>`${en.value}`,Za),G(()=>{let e=z.value?.may_read;e&&!an&&zn(),e===!1&&(cr(),O.value=null,Se.value=[],F.value="connecting")}),on(()=>ar()&&ie.value!==null&&!ce.value.has(ie.value)?ie.value:null,Ja),on(()=>ar()&&ie.value!==null&&Ie.value!==We.value?We.value:null,Ya),on(()=>{let e=ge.value==="decisions"&&ce.value.has(ie.value??"")?yt.value:"";return/^\d+$/.test(e)&&!Se.peek().some(t=>t.id===Number(e))?e:null},Qa)}var pr=function(e,t,n,o){var r;t[0]=0;for(var a=1;a<t.length;a++){var i=t[a++],l=t[a]?(t[0]|=i?1:2,n[t[a++]]):t[++a];i===3?o[0]=l:i===4?o[1]=Object.assign(o[1]||{},l):i===5?(o[1]=o[1]||{})[t[++a]]=l:i===6?o[1][t[++a]]+=l+"":i?(r=e.apply(l,pr(e,l,n,["",null])),o.push(r),l[0]?t[0]|=2:(t[a-2]=0,t[a]=r)):o.push(l)}return o},dr=new Map;function fr(e){var t=dr.get(this);return t||(t=new Map,dr.set(this,t)),(t=pr(this,t.get(e)||(t.set(e,t=(function(n){for(var o,r,a=1,i="",l="",c=[0],p=function(h){a===1&&(h||(i=i.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?c.push(0,h,i):a===3&&(h||i)?(c.push(3,h,i),a=2):a===2&&i==="..."&&h?c.push(4,h,0):a===2&&i&&!h?c.push(5,0,!0,i):a>=5&&((i||!h&&a===5)&&(c.push(a,0,i,r),a=6),h&&(c.push(a,h,0,r),a=6)),i=""},d=0;d<n.length;d++){d&&(a===1&&p(),p(d));for(var f=0;f<n[d].length;f++)o=n[d][f],a===1?o==="<"?(p(),c=[c],a=3):i+=o:a===4?i==="--"&&o===">"?(a=1,i=""):i=o+i[0]:l?o===l?l="":i+=o:o==='"'||o==="'"?l=o:o===">"?(p(),a=1):a&&(o==="="?(a=5,r=i,i=""):o==="/"&&(a<5||n[d][f+1]===">")?(p(),a===3&&(c=c[0]),a=c,(c=c[0]).push(2,0,a),a=0):o===" "||o==="	"||o===`
`||o==="\r"?(p(),a=2):i+=o),a===3&&i==="!--"&&(a=4,c=c[0])}return p(),c})(e)),t),arguments,[])).length>1?t:t[0]}var s=fr.bind(pt);function ne({text:e}){return s`<span class=${e===E?"unknown":""}>${e}</span>`}function N({kind:e="",children:t}){return s`<span class=${`chip chip-${e}`}>${t}</span>`}function xt({reasons:e}){return e.length===0?null:s`<ul class="reasons">
    ${e.map(t=>s`<li class=${t.trouble?"reason trouble":"reason"}>
        <span class="glyph" aria-hidden="true">${t.trouble?"!":"·"}</span>
        <span>
          ${t.trouble&&s`<span class="sr">Trouble: </span>`}${t.text}${" "}
          <code>${t.code}</code>
        </span>
      </li>`)}
  </ul>`}function oe({of:e}){return s`<span class=${`swatch swatch-${e}`} aria-hidden="true"></span>`}function S({id:e,title:t,note:n,tools:o,class:r="",children:a}){return s`<section class=${`card ${r}`} id=${e} aria-labelledby=${`${e}-title`}>
    <div class="card-head">
      <h2 id=${`${e}-title`}>${t}</h2>
      ${n!==void 0&&s`<p class="note">${n}</p>`}
      ${o}
    </div>
    ${a}
  </section>`}function Ce({children:e}){return s`<p class="empty">${e}</p>`}function re({of:e,children:t}){if(e.value!==null){let n=tr(e);return s`${n&&s`<p class="aged" role="status">${n}</p>`}${t(e.value)}`}return e.error===null?s`<p class="empty loading">Reading …</p>`:s`<div class="empty" role="alert">
          <p>This could not be read: ${le(e.error)}.</p>
          <button type="button" class="button" onClick=${He}>Try again</button>
        </div>`}function rt({of:e,class:t=""}){return s`<dl class=${`facts ${t}`}>
    ${e.map(([n,o,r])=>s`<div key=${n}>
        <dt>${n}</dt>
        <dd>${typeof o=="string"?s`<${ne} text=${o} />`:o}</dd>
        ${r!==void 0&&s`<dd class="fact-note">${r}</dd>`}
      </div>`)}
  </dl>`}function sn({share:e,of:t=""}){let n=`${Math.min(1,e??0)*100}%`,o=e===null?"meter-unknown":e>=1?"meter-full":e>=.8?"meter-near":"";return s`<span class=${`meter ${o} ${t}`} aria-hidden="true"><span style=${{width:n}}></span></span>`}function ve(e){return s`<div class="segments" role="group" aria-label=${e.label}>
    ${e.of.map(([t,n])=>s`<button type="button" aria-pressed=${e.value===t} onClick=${()=>e.choose(t)}>${n}</button>`)}
  </div>`}var Bn=v(null);function St(e){Bn.value=e}var ei=500;function Un(){return s`<label class="field">
    <span>Reason <em>kept with the order</em></span>
    <input name="reason" required maxlength=${ei} autocomplete="off" />
  </label>`}function Nt(){let[e,t]=Ue(!1),[n,o]=Ue("");return{isBusy:e,failure:n,give:async a=>{t(!0),o("");try{return await a(),He(),!0}catch(i){return Te(i),o(le(i)),!1}finally{t(!1)}}}}function mr(){let e=Q(null),{isBusy:t,failure:n,give:o}=Nt(),r=Bn.value;q(()=>{r?e.current?.showModal():e.current?.close()},[r]);let a=()=>{Bn.value=null};return s`<dialog ref=${e} aria-labelledby="ask-title" onClose=${a}>
    ${r&&s`<form onSubmit=${async l=>{l.preventDefault();let c=String(new FormData(l.currentTarget).get("reason")).trim();r&&await o(()=>r.run(c))&&a()}}>
      <h2 id="ask-title">${r.title}</h2>
      <p>${r.text}</p>
      <${Un} />
      <p class="failure" role="alert">${n}</p>
      <div class="buttons">
        <button type="button" class="button" onClick=${a}>Leave it</button>
        <button class="button button-main" disabled=${t}>${r.button}</button>
      </div>
    </form>`}
  </dialog>`}function ln(){let e=z.value,{isBusy:t,failure:n,give:o}=Nt(),r=i=>{i.preventDefault();let l=String(new FormData(i.currentTarget).get("token")).trim();o(async()=>{z.value=await _t("session",{token:l})})},a=e?.may_read===!0;return s`<${S} id="sign-in" title="Sign in" class="sign-in">
    <p>${a?"You may read. To order something, sign in as somebody who may.":"This controller shows itself to those it knows."}</p>
    ${e?.wants_token?s`<form onSubmit=${r}>
          <label class="field">
            <span>Token</span>
            <input name="token" type="password" required autocomplete="current-password" />
          </label>
          <p class="failure" role="alert">${n}</p>
          <button class="button button-main" disabled=${t}>Sign in</button>
        </form>`:s`<p class="note">
          ${e?.auth==="proxy"?"The proxy in front of it says who you are; it named nobody who may.":"Orders are taken from the controller's own machine only, at its loopback address."}
        </p>`}
  <//>`}var at=v(null),Gn=v(new Set),Kn=100;function ti(e,t,n){let o=t.find(({name:a})=>a===n?.column)?.by;if(!o||!n)return e;let r=n.isDown?-1:1;return[...e].sort((a,i)=>{let l=o(a),c=o(i);return l===null||c===null?+(l===null)-+(c===null):l<c?-r:l>c?r:0})}function ni({id:e,column:t}){let{name:n,title:o,by:r,isText:a}=t,i=at.value?.table===e&&at.value.column===n?at.value:null,l=()=>{let c=!a;at.value=i?i.isDown===c?{...i,isDown:!c}:null:{table:e,column:n,isDown:c}};return s`<th
    scope="col"
    role="columnheader"
    class=${a?"":"number"}
    title=${o}
    aria-sort=${i?i.isDown?"descending":"ascending":void 0}
  >
    ${r?s`<button type="button" class="sort" onClick=${l}>${n}<span aria-hidden="true">${i?i.isDown?" ↓":" ↑":""}</span></button>`:n}
  </th>`}var hr=e=>typeof e=="string"?s`<${ne} text=${e} />`:e;function W({id:e,label:t,columns:n,groups:o,keyOf:r,empty:a}){let i=o.reduce((f,{rows:h})=>f+h.length,0),l=Gn.value.has(e),c=at.value?.table===e?at.value:null,p=l?1/0:Kn,d=o.map(({key:f,head:h,rows:u})=>{let g=ti(u,n,c).slice(0,p);return p-=g.length,s`<tbody key=${f} role="rowgroup">
      ${h&&s`<tr class="group-row" role="row"><th scope="rowgroup" role="rowheader" colspan=${n.length}>${h}</th></tr>`}
      ${g.map(b=>s`<tr key=${r(b)} role="row">
          ${n.map(({name:_,show:k,more:w,isText:M},P)=>{let ze=w?.(b),ct=s`${hr(k(b))}${ze?s`<span class="second">${hr(ze)}</span>`:null}`;return P===0?s`<th scope="row" role="rowheader"><div>${ct}</div></th>`:s`<td role="cell" class=${M?"":"number"} data-label=${_}><div>${ct}</div></td>`})}
        </tr>`)}
    </tbody>`});return s`<div class="table-place" tabindex="0" role="group" aria-label=${t}>
      <table id=${e} role="table" aria-label=${t}>
        <thead role="rowgroup"><tr role="row">${n.map(f=>s`<${ni} key=${f.name} id=${e} column=${f} />`)}</tr></thead>
        ${d}
      </table>
      ${i===0&&a&&s`<p class="empty">${a}</p>`}
    </div>
    ${i>Kn&&s`<button
      type="button"
      class="button more"
      onClick=${()=>{let f=new Set(Gn.peek());f.delete(e)||f.add(e),Gn.value=f}}
    >
      ${l?`Show the first ${m(Kn)}`:`Show all ${me(i,"row")}`}
    </button>`}`}var oi=[[900,"15 minutes"],[3600,"1 hour"],[14400,"4 hours"],[43200,"12 hours"],[86400,"1 day"],[604800,"7 days"]];function ri(){return s`<label class="field"><span>For</span>
    <select name="seconds">${oi.map(([e,t])=>s`<option value=${e} selected=${e===3600}>${t}</option>`)}</select>
  </label>`}function vr({policy:e,what:t,button:n,children:o}){let{isBusy:r,failure:a,give:i}=Nt();return s`<form onSubmit=${async c=>{c.preventDefault();let p=c.currentTarget,{seconds:d,workers:f,...h}=Object.fromEntries(new FormData(p)),u={...h,...f===void 0?{}:{workers:Number(f)},expires_in_seconds:Number(d)};await i(()=>ke(e,t,u))&&p.reset()}}>
    <fieldset disabled=${!et.value||r}>
      <div class="fields">${o}<${ri} /></div>
      <${Un} />
      <button class="button button-main">${n}</button>
    </fieldset>
    <p class="failure" role="alert">${a}</p>
  </form>`}function br({of:{by:e,at:t,until:n,reason:o}}){return s`<p class="sentence">“${o}”</p>
    <p class="meta"><span>by ${e}, ${K(x(t))} ${C(x(t))}</span>
    ${n&&s`<span>ends in ${$(xe(n,O.value?.at))}, at ${Qe(x(n))}</span>`}</p>`}function ai({policy:{name:e,pause:t}}){let n=()=>St({title:`Resume ${e}?`,text:"From the next tick on it buys, gives back and scales again.",button:"Resume",run:o=>ke(e,"resume",{reason:o})});return s`<${S} id="pause" title="Pause" class="half" note=${t?s`<${N} kind="trouble">Paused<//>`:"not paused"}>
    ${t?s`<${br} of=${t} /><button type="button" class="button button-main" disabled=${!et.value} onClick=${n}>Resume</button>`:s`<p class="explain">Nothing is bought, given back or scaled. What was begun is finished, and dead machines are still ended: money stops as ever.</p>
          <${vr} policy=${e} what="pause" button="Pause" />`}
  <//>`}var _r={fixed:"exactly",floor:"at least"};function ii({policy:{name:e,overrides:t,pools:n}}){let o=n.filter(({kind:a})=>a==="burst"),r=({pool:a})=>St({title:`Release ${a}?`,text:"From the next tick on the planner alone says how many machines it has.",button:"Release",run:i=>ke(e,"release",{pool:a,reason:i})});return s`<${S} id="override" title="Override" class="half" note=${t.length===0?"none":void 0}>
    ${t.map(a=>s`<div class="part" key=${a.id}>
        <h3>${a.pool}: ${a.shape&&_r[a.shape]} ${m(a.workers)}</h3>
        <${br} of=${a} />
        <button type="button" class="button" disabled=${!et.value} onClick=${()=>r(a)}>Release</button>
      </div>`)}
    ${o.length===0?s`<${Ce}>The policy names no place where machines can be bought.<//>`:s`<p class="explain">So many machines of a bought pool, whatever the planner thinks. Caps and budgets hold all the same.</p>
          <${vr} policy=${e} what="override" button="Override">
            <label class="field"><span>Pool</span><select name="pool">${o.map(a=>s`<option>${a.name}</option>`)}</select></label>
            <label class="field"><span>Shape</span><select name="shape"><option value="floor">at least</option><option value="fixed">exactly</option></select></label>
            <label class="field"><span>Machines</span><input name="workers" type="number" min="0" max="10000" required value="1" /></label>
          <//>`}
  <//>`}var si=[{name:"When",isText:!0,by:e=>e.at,show:e=>s`<time datetime=${e.at}>${K(x(e.at))} ${C(x(e.at))}</time>`},{name:"Who",isText:!0,by:e=>e.by,show:e=>e.by??"nobody known",more:e=>[e.known_by,e.from].filter(Boolean).join(", ")},{name:"What",isText:!0,by:e=>e.kind,show:e=>`${e.kind} ${e.intent??e.pool??""} ${e.shape?`${_r[e.shape]??e.shape} ${m(e.workers)}`:""}`.trim(),more:e=>e.until&&`until ${K(x(e.until))} ${C(x(e.until))}`},{name:"Why",isText:!0,show:e=>e.reason??"–"},{name:"Outcome",isText:!0,show:e=>e.accepted?s`<${N} kind="action">accepted<//>`:s`<${N} kind="bad">refused<//>`,more:e=>e.refusal}],gr=v(!1);function li({who:e}){if(e.known_by!=="token"&&e.known_by!=="kubernetes")return null;let t=async()=>{gr.value=!0,await _t("session",{},"DELETE").catch(()=>{}),location.reload()};return s`<p class="note">Signed in as ${e.user}. <button type="button" class="button small" disabled=${gr.value} onClick=${t}>Sign out</button></p>`}function wr({policy:e}){let t=te(X("orders?limit=200"),30),n=z.value;return s`${n&&!n.may_operate&&s`<div class="whole"><${ln} /></div>`}
    <${ai} policy=${e} />
    <${ii} policy=${e} />
    <${S} id="audit" title="Who ordered what" class="whole" note="the newest 200, refused ones too">
      <${re} of=${t}>
        ${o=>s`<${W} id="audit-table" label="Orders" columns=${si} groups=${[{key:"all",rows:o}]} keyOf=${r=>r.id} empty="Nobody has ordered anything yet." />`}
      <//>
      ${n&&s`<${li} who=${n} />`}
    <//>`}var ci=[{name:"Pool",isText:!0,by:e=>e.pool,show:e=>e.pool},{name:"Now",by:e=>e.per_hour,show:e=>H(e.per_hour)},{name:"Today",by:e=>e.today,show:e=>y(e.today)},{name:"Of it idle",title:"Ready workers that had nothing to do",by:e=>e.idle_today,show:e=>y(e.idle_today)},{name:"Images today",by:e=>e.images_today,show:e=>m(e.images_today)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)},{name:"In all",by:e=>e.total,show:e=>y(e.total)}];function yr({base:e,burst:t,most:n}){let o=(a,i)=>a!==null&&s`<span class=${`swatch-${i}`} style=${{width:`${a/n*100}%`}}></span>`,r=En(e,t)!==null;return s`<span class=${r?"slots":"slots meter-unknown"} aria-hidden="true">${o(e,"base")}${o(t,"burst")}</span>`}var $r=({base:e,burst:t})=>En(e,t),ui=({base:e,burst:t})=>(e??0)+(t??0);function di(e){return[{name:"Day",isText:!0,by:t=>t.day,show:t=>t.day},{name:"Base and burst",isText:!0,show:({base:t,burst:n})=>s`<${yr} base=${t} burst=${n} most=${e} />`},{name:"Base",by:t=>t.base,show:t=>y(t.base)},{name:"Burst",by:t=>t.burst,show:t=>y(t.burst)},{name:"Total",by:$r,show:t=>y($r(t))},{name:"Images",by:t=>t.images,show:t=>m(t.images)},{name:"Late at worst",title:"The most jobs that were foreseen to be late at any moment",by:t=>t.late_jobs_max,show:t=>m(t.late_jobs_max)}]}function pi({cost:{hybrid:e,all_cloud:t,today:n}}){if(!t)return s`<${Ce}>The policy names no offer: there is nothing to compare with.<//>`;let o=Math.max(e.today??0,t.today??0)||1,r=(l,{today:c,dollars_per_hour:p},{base:d,burst:f})=>s`<div class="versus">
    <span>${l}</span>
    <${yr} base=${d} burst=${f} most=${o} />
    <strong><${ne} text=${y(c)} /></strong>
    <span class="note">${H(p)}</span>
  </div>`,a=e.today!==null&&t.today!==null&&t.today>0?1-e.today/t.today:null,i=a===null?"How they compare is unknown.":a>=0?`Hybrid costs ${ee(a)} less today.`:`Hybrid costs ${ee(-a)} more today.`;return s`${r("Base and burst, as it is",e,n)}${r(`All in the cloud, ${t.pool}`,t,{base:0,burst:t.today})}
    <p class="verdict">${i}</p>
    <p class="note">${t.how}</p>`}function fi({cost:e}){let{today:t,forecast:n,budget:o,per_1000_images:r,idle_share:a}=e,i=({base:c,burst:p})=>`base ${y(c)}, burst ${y(p)}`,l=(c,p)=>p===null?"no limit":s`<span>${c===null?E:ee(c)}<${sn} share=${c} /></span>`;return s`<${S} id="today" title="Today" class="whole" note=${`since ${C(x(t.since)).slice(0,5)} here, midnight UTC`}>
    <${rt}
      class="big"
      of=${[["So far",y(t.total),i(t)],["Forecast to midnight",y(n.total),`${i(n)}; ${n.how}`],["Burst of the day's budget",l(o.used_day_share,o.per_day),o.per_day===null?"":`${y(o.spent_today)} of ${y(o.per_day)}`],["Burst of the hour's budget",l(o.used_hour_share,o.per_hour),o.per_hour===null?"":`of ${y(o.per_hour)} in any hour`],["A thousand images",y(r),"at today's mix"],["Idle",ee(a),"of what was paid for ready workers"]]}
    />
  <//>`}function kr(e){let t=te(X("cost?days=14"),15);return s`<${re} of=${t}>
    ${n=>{let o=n.days.reduce((r,a)=>Math.max(r,ui(a)),0)||1;return s`<${fi} cost=${n} />
        <${S} id="versus" title="Hybrid against all-cloud" class="whole" note="the same images of today"><${pi} cost=${n} /><//>
        <${S} id="by-pool" title="By pool" class="whole"><${W} id="cost-pools" label="Cost by pool" columns=${ci} groups=${[{key:"all",rows:n.pools}]} keyOf=${r=>r.pool} /><//>
        <${S} id="by-day" title="By day" class="whole" note="UTC"><${W} id="cost-days" label="Cost by day" columns=${di(o)} groups=${[{key:"all",rows:n.days}]} keyOf=${r=>r.day} empty="No day is over yet." /><//>`}}
  <//>`}var mi=[[null,"All"],["action","Actions"],["hold","Holds"],["trouble","Trouble"]],xr=v(null),qn=v("");function hi(e){let t=new Map;for(let{verb:n,pool:o,from:r,to:a}of e){let i=n==="ScaleBase"?`scale
${o} ${r} → ${a}`:`${n.toLowerCase()}
${o}`;t.set(i,(t.get(i)??0)+1)}return[...t].map(([n,o])=>{let[r="",a=""]=n.split(`
`);return o>1?`${r} ${o} × ${a}`:`${r} ${a}`})}function Nr({decision:e}){let t=e.reasons.filter(i=>i.trouble).length,{violations:n,hold:o,actions:r,mode:a}=e;return s`<span class="entry-chips">
    ${n.length>0&&s`<${N} kind="bad">Refused by the checker<//>`}
    ${a==="Recommend"&&r.length>0&&s`<${N}>Not carried out<//>`}
    ${hi(r).map(i=>s`<${N} kind="action">${i}<//>`)}
    ${o&&s`<${N}>Hold<//>`}
    ${t>0&&s`<${N} kind="trouble">${t>1?`${t} troubles`:"Trouble"}<//>`}
  </span>`}function Xn({decision:e}){let t=yt.value===String(e.id);return s`<a class="entry" href=${`#/decisions/${e.id}`} aria-current=${t?"true":void 0}>
    <span class=${`marker marker-${Xt(e)}`} aria-hidden="true"></span>
    <time class="entry-time" datetime=${e.at}>${C(x(e.at))}</time>
    <span class="entry-text">${e.sentence}</span>
    <${Nr} decision=${e} />
  </a>`}var gi={Done:"done",NotLaunched:"not launched",Unknown:"outcome unknown",Failed:"failed"};function vi({of:e}){if(e===null)return s`<${N}>no outcome yet<//>`;let t=e.outcome==="Done"?"action":"trouble";return s`<${N} kind=${t}>${gi[e.outcome]??e.outcome}<//>${e.detail&&s` <span class="note">${e.detail}</span>`}`}function bi({actions:e}){return s`<ul class="actions">
    ${e.map(t=>s`<li>
        <strong>${t.verb==="ScaleBase"?"Scale":t.verb}</strong> ${t.pool} <span class="mono">${t.verb==="ScaleBase"?`${t.from} → ${t.to}`:t.intent}</span>${" "}
        <${vi} of=${t.outcome} />
        <span class="action-why">${t.why} <code>${t.code}</code></span>
      </li>`)}
  </ul>`}var _i=e=>e.replace(/(?<=[a-z])[A-Z]/g,t=>` ${t}`).toLowerCase(),wi=[{name:"Pool",isText:!0,show:({pool:e})=>e},{name:"Verdict",isText:!0,show:({verdict:e,launched:t})=>s`<${N} kind=${e==="Chosen"?"action":""}>${_i(e)}${t>0?` × ${t}`:""}<//>`,more:({why:e})=>e},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)},{name:"Ready in",by:e=>e.boot_seconds,show:e=>$(e.boot_seconds)},{name:"Counted on",by:e=>e.rate_counted_on,show:e=>A(e.rate_counted_on)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"Running",by:e=>e.running,show:e=>`${m(e.running)} of ${m(e.max)}`}];function Sr({numbers:e}){return s`<dl class="numbers">
    ${Hn(e).map(([t,n])=>s`<div key=${t}><dt>${t}</dt><dd class=${n===E?"unknown":""}>${n}</dd></div>`)}
  </dl>`}function Fe({title:e,children:t}){return s`<div class="part"><h3>${e}</h3>${t}</div>`}function $i({id:e}){let t=tt.value,n=t.findIndex(r=>r.id===e),o=(r,a)=>r&&s`<a href=${`#/decisions/${r.id}`}>${a} #${r.id}</a>`;return s`<nav class="meta neighbours" aria-label="Neighbouring decisions">${o(t[n+1],"Before: ")}${n>0&&o(t[n-1],"After: ")}</nav>`}function yi({decision:e}){let{id:t,at:n,sentence:o,hold:r,violations:a,actions:i,reasons:l,alternatives:c,numbers:p,desired:d,revision:f}=e;return s`<p class="sentence">${o}</p>
    <p class="meta">
      <a href=${`#/decisions/${t}`}>#${t}</a> <time datetime=${n}>${Qe(x(n))}</time>
      <span>policy revision <code>${f}</code></span>
      <a
        href="#/timeline"
        onClick=${()=>{let h=x(n)??0,u=x(O.value?.at??"")??h;B.value=h+j.value/3<u?h+j.value/3:null}}
        >In the timeline</a
      >
      <a href=${`api/v1/decisions/${t}`}>JSON</a>
    </p>
    <${Nr} decision=${e} />
    ${a.length>0&&s`<${Fe} title="Refused by the checker: nothing was carried out"><ul class="actions">${a.map(h=>s`<li>${h}</li>`)}</ul><//>`}
    ${r&&s`<${Fe} title="Held"><${xt} reasons=${[r]} /><//>`}
    ${i.length>0&&s`<${Fe} title="Actions"><${bi} actions=${i} /><//>`}
    ${l.length>0&&s`<${Fe} title="Reasons"><${xt} reasons=${l} /><//>`}
    ${c.length>0&&s`<${Fe} title="What could have been bought, the cheapest first">
      <${W} id="alternatives" label="Alternatives" columns=${wi} groups=${[{key:"all",rows:c}]} keyOf=${h=>h.pool} />
    <//>`}
    <${Fe} title="Decided upon"><${Sr} numbers=${p} /><//>
    <${Fe} title="Machines wanted"><${Sr} numbers=${d} /><//>
    <${$i} id=${t} />`}function ki({id:e}){let t=Q(null),n=Se.value.find(a=>String(a.id)===e),o=Zt.value===e?`Decision #${e} is not kept any more, or never was.`:"Reading the decision …";return q(()=>{t.current?.focus({preventScroll:!0}),t.current?.scrollIntoView({block:"nearest"})},[e,n!==void 0]),s`<${S} id="decision" title=${`Decision #${e}`} tools=${s`<a class="to" href="#/decisions">Close</a>`}>
    <div ref=${t} tabindex="-1" class="detail">${n?s`<${yi} decision=${n} />`:s`<p class="empty" role="status">${o}</p>`}</div>
  <//>`}var je=v("");async function xi(){let e=tt.peek().at(-1);if(e){je.value="busy";try{let t=await fe(X(`decisions?limit=${kt}&before=${e.id}`));nt(t),je.value=t.length<kt?"all":""}catch(t){je.value=le(t)}}}function Si(e,t){let{id:n,sentence:o,hold:r,reasons:a,actions:i}=e,l=[...r?[r]:[],...a,...i].map(({code:c})=>c);return[`#${n}`,o,...l,...i.map(({pool:c,intent:p})=>`${c} ${p}`)].join(`
`).toLowerCase().includes(t)}function Ni(e){let t=new Map;for(let n of e){let o=K(x(n.at));t.set(o,[...t.get(o)??[],n])}return[...t]}function Ti(e,t){return e?"No decision like this among those read so far.":t?"Nothing has been decided yet: the first decision comes with the first look at the backlog.":"Reading the log …"}function Ci({policy:e}){let t=tt.value,n=xr.value,o=qn.value.trim().toLowerCase(),r=t.filter(i=>(!n||bt(i,n))&&(!o||Si(i,o))),a=ce.value.has(e.name);return s`<${S}
    id="log"
    title="Decisions"
    note=${s`<a href=${`api/v1/${X("decisions?limit=1000")}`}>JSON</a>`}
    tools=${s`<${ve}
      label="Show"
      of=${mi.map(([i,l])=>[i,s`${l} <span class="segment-count">${m(i?t.filter(c=>bt(c,i)).length:t.length)}</span>`])}
      value=${n}
      choose=${i=>{xr.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a word, a code, a pool"
      aria-label="Find in decisions"
      value=${qn.value}
      onInput=${i=>{qn.value=i.currentTarget.value}}
    />
    ${r.length===0?s`<${Ce}>${Ti(t.length>0,a)}<//>`:Ni(r).map(([i,l])=>s`<h3 class="day">${i}</h3>
            <ol class="entries" aria-label=${`Decisions of ${i}, newest first`}>
              ${l.map(c=>s`<li key=${c.id}><${Xn} decision=${c} /></li>`)}
            </ol>`)}
    ${a&&t.length>=kt&&je.value!=="all"&&s`<p><button type="button" class="button more" disabled=${je.value==="busy"} onClick=${xi}>Older decisions</button>
      <span role="status">${je.value==="busy"?"":je.value}</span></p>`}
  <//>`}function Tr({policy:e}){let t=yt.value;return s`<div class=${t?"decisions has-chosen":"decisions"}>
    <${Ci} policy=${e} />
    ${t&&s`<${ki} id=${t} />`}
  </div>`}var Jn=v(""),Tt=v(null),Cr=["booting","starting","ready","draining","stopped"];function Mi(e,{id:t,intent:n,pool:o}){St({title:`Drain ${t}?`,text:`It finishes what it has, commits, and its machine is given back. Another of ${o} may be bought if the deadline needs it.`,button:"Drain",run:r=>ke(e,`instances/${encodeURIComponent(n??"")}/drain`,{reason:r})})}function Pi({policy:e,worker:t}){return t.ordered_drain?s`<${N}>ordered by ${t.ordered_drain.by}<//>`:!t.can_drain||!et.value?null:s`<button type="button" class="button small" aria-label=${`Drain ${t.id}`} onClick=${()=>Mi(e,t)}>Drain</button>`}var Yn=({cloud:e,region:t,zone:n,market:o})=>[e,n||t,o].filter(Boolean).join(" · ");function Vi({last_seen_seconds:e,phase:t,interruption_at:n}){return n?`taken back in ${$(xe(n,O.value?.at))}`:e===null?t==="booting"?"not heard of yet":"last heard of: unknown":e<3.5?"":`heard of ${$(e)} ago`}function Ei({billing_boundary_seconds:e,is_burst:t}){return t?e===null?"minimum unknown":e>0?`paid for ${$(e)} more`:"by the second":""}var Oi=[{name:"Worker",isText:!0,by:({id:e})=>e,show:({id:e})=>s`<span class="id" title=${e}>${e}</span>`,more:({node:e})=>e??""},{name:"Phase",isText:!0,by:e=>Cr.indexOf(e.phase),show:e=>s`<span class=${`phase phase-${e.phase}`}>${e.phase}</span>`,more:Vi},{name:"Age",by:e=>e.age_seconds,show:e=>$(e.age_seconds),more:Ei},{name:"Offer",isText:!0,by:Yn,show:e=>e.machine||(e.is_burst?E:"our own"),more:Yn},{name:"GPU",isText:!0,by:({gpu:e})=>e,show:({gpu:e,phase:t})=>e??(t==="booting"?"–":E)},{name:"Cost",title:"Accrued, and the price an hour",by:e=>e.cost,show:e=>y(e.cost),more:e=>H(e.price_per_hour)},{name:"Images/s",by:e=>e.rate,show:e=>A(e.rate).replace("/s",""),more:e=>e.busy_share===null?"":`${ee(e.busy_share)} busy`},{name:"Done",title:"Images done, and in flight",by:e=>e.images_done,show:e=>m(e.images_done),more:e=>e.in_flight===null?"":`${m(e.in_flight)} in flight`},{name:"$/million",title:"Dollars for a million images at its present speed",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million),more:e=>e.partitions===null?"":me(e.partitions,"partition")}];function Di(e){let t=[`${m(e.ready)} ready`];return e.booting>0&&t.push(`${m(e.booting)} booting`),e.draining>0&&t.push(`${m(e.draining)} draining`),`${t.join(", ")}; ${m(e.desired)} wanted, ${m(e.max)} at most`}function Ai(e,t){return s`<span class="pool">
    <span class="pool-name"><${oe} of=${t?.kind??""} />${e}</span>
    ${t?s`<span>${Di(t)}</span><span>${H(t.price_per_hour)} each</span><span>${t.cost_today===null?"cost of today unknown":`${y(t.cost_today)} today`}</span>`:s`<span>no longer in the policy</span>`}
  </span>`}var Ri=(e,t)=>t.age_seconds-e.age_seconds||(e.id<t.id?-1:1);function Li({pools:e},t){return[...new Set([...e.map(({name:o})=>o),...t.map(({pool:o})=>o)])].map(o=>({key:o,head:Ai(o,e.find(r=>r.name===o)),rows:t.filter(({pool:r})=>r===o).sort(Ri)}))}function Ii(e,t){let{id:n,pool:o,gpu:r,node:a,machine:i,intent:l}=e;return!t||[n,o,r,a,i,l,Yn(e)].join(`
`).toLowerCase().includes(t)}function Mr({policy:e}){let{workers:t}=e,n=Jn.value.trim().toLowerCase(),o=t.filter(i=>(Tt.value===null||i.phase===Tt.value)&&Ii(i,n)),r={name:"Order",isText:!0,show:i=>s`<${Pi} policy=${e.name} worker=${i} />`},a=Cr.filter(i=>t.some(l=>l.phase===i)||i===Tt.value);return s`<${S}
    id="fleet"
    title="Fleet"
    class="whole"
    note=${me(t.length,"worker")}
    tools=${s`<${ve}
      label="Phase"
      of=${[[null,"All"],...a.map(i=>[i,s`${i} <span class="segment-count">${m(t.filter(l=>l.phase===i).length)}</span>`])]}
      value=${Tt.value}
      choose=${i=>{Tt.value=i}}
    />`}
  >
    <input
      class="search"
      type="search"
      placeholder="Find a worker, a node, a machine, a zone"
      aria-label="Find in the fleet"
      value=${Jn.value}
      onInput=${i=>{Jn.value=i.currentTarget.value}}
    />
    <${W}
      id="fleet-table"
      label="Workers by pool"
      columns=${[...Oi,r]}
      groups=${Li(e,o)}
      keyOf=${i=>i.id}
      empty=${t.length===0?"No machine is there and no worker has been heard of.":"No worker is like this."}
    />
  <//>`}var Pr={ok:["action","well"],warn:["trouble","look at it"],fail:["bad","failing"],unknown:["","unknown"]},Qn=["fail","warn","unknown","ok"],Wi=[{name:"What",isText:!0,by:e=>e.name,show:e=>e.name},{name:"State",isText:!0,by:e=>Qn.indexOf(e.status),show:({status:e})=>s`<${N} kind=${Pr[e]?.[0]}>${Pr[e]?.[1]??e}<//>`,more:({since:e,status:t})=>e&&t!=="ok"&&`since ${C(x(e))}`},{name:"Detail",isText:!0,show:e=>e.detail},{name:"Heard",by:e=>e.age_seconds,show:e=>e.age_seconds===null?"never":Ye(e.age_seconds)}];function Hi(e){let t=e.filter(({status:n})=>n!=="ok").length;return t===0?`all ${m(e.length)} are well`:`${m(t)} of ${m(e.length)} need a look`}function Fi({policy:{leader:e,loop:t,orphans:n,signal_age_seconds:o}}){let r=xe(e.since,O.value?.at);return s`<${S} id="now" title="Now" class="whole">
    <${rt}
      of=${[["Lag read",Ye(o.backlog)],["Heartbeats read",Ye(o.workers)],["Leads",e.is_leader?e.identity??"this one":"another",`token ${e.token}, for ${$(r)}`],["Last tick took",`${(t.tick_seconds*1e3).toFixed(1)} ms`,`${m(t.ticks)} ticks${t.panics===void 0?"":`, ${m(t.panics)} panics`}`],["Machines without an intent",n===null?"unknown":m(n),n===null?"no provider could be asked":"they are ended"]]}
    />
  <//>`}function Vr({policy:e}){let t=te("health",5);return s`<${Fi} policy=${e} />
    <${re} of=${t}>
      ${({checks:n,history:o,streams:r,config:a,uptime_seconds:i,version:l})=>{let c=[...n].sort((p,d)=>Qn.indexOf(p.status)-Qn.indexOf(d.status));return s`<${S} id="checks" title="Reachability" class="whole" note=${Hi(n)}>
            <${W} id="checks-table" label="Checks" columns=${Wi} groups=${[{key:"all",rows:c}]} keyOf=${p=>p.name} />
          <//>
          <${S} id="memory" title="History" class="half" note="what explains, replays and draws the past">
            <${rt}
              of=${[["Reaches back to",o.oldest===null?"nothing kept yet":Qe(x(o.oldest))],["Size",Wn(o.bytes),`of ${Wn(o.bytes_max)}, ${m(o.days_max)} days`],["Decisions",m(o.decisions)],["Samples",m(o.samples)]]}
            />
          <//>
          <${S} id="config" title="This controller" class="half">
            <${rt}
              of=${[["Up for",$(i),`Spillway ${l}`],["Open streams",`${m(r.open)} of ${m(r.max)}`,`${m(r.dropped)} dropped`],["Listens at",a.listen,`who may: ${a.auth}`],["Policy revision",a.policy_revision,a.kubernetes?"from Kubernetes":"from a file"]]}
            />
          <//>`}}
    <//>`}var ji={policy:"as configured",measured:"measured",provider:"by provider"};function Zn({from:e,age_seconds:t}){return`${ji[e]}${t===null?"":`, ${$(t)} ago`}`}function zi(e,t){return[{name:"Pool",isText:!0,by:({pool:n})=>n,show:({pool:n})=>n,more:({cloud:n,machine:o})=>[n,o].filter(Boolean).join(" · ")},{name:"Where",isText:!0,by:n=>n.zone||n.region,show:n=>n.zone||n.region||"this machine",more:n=>n.market},{name:"$ per million",by:n=>n.dollars_per_million,show:n=>s`<span class=${n.dollars_per_million===null?"rank rank-unknown":"rank"} aria-hidden="true"><span style=${{width:`${(n.dollars_per_million??0)/e*100}%`}}></span></span> <strong>${y(n.dollars_per_million)}</strong>`,more:n=>n.transfer_per_million?`transfer ${y(n.transfer_per_million)}`:""},{name:"Price",by:n=>n.price_per_hour.value,show:n=>H(n.price_per_hour.value),more:n=>Zn(n.price_per_hour)},{name:"Each does",by:n=>n.images_per_second.value,show:n=>A(n.images_per_second.value),more:n=>Zn(n.images_per_second)},{name:"Ready in",by:n=>n.ready_in_seconds.value,show:n=>$(n.ready_in_seconds.value),more:n=>Zn(n.ready_in_seconds)},{name:"Running",by:n=>n.running,show:n=>`${m(n.running)} of ${m(n.max)}`},{name:"Taken back",title:"Interruptions in a thousand hours of a machine",by:n=>n.interruptions_per_1000_hours,show:n=>n.market==="Spot"?m(n.interruptions_per_1000_hours):"never",more:n=>n.market==="Spot"?"in 1,000 h":""},{name:"Now",isText:!0,show:({blocked:n,running:o,max:r})=>n?s`<${N} kind="trouble">${n.fault}<//>`:o>=r?s`<${N}>all taken<//>`:s`<${N} kind="action">can be bought<//>`,more:({blocked:n})=>n&&`${n.why}; asked again in ${$(xe(n.until,t))}`}]}function Er({policy:e}){let t=te(X("market"),10),n=t.value?.offers??[],o=n.reduce((r,a)=>Math.max(r,a.dollars_per_million??0),0)||1;return s`<${S} id="market" title="Market" class="whole" note=${t.value?`${me(n.length,"offer")}, the cheapest work first`:void 0}>
    <${re} of=${t}>
      ${()=>s`<${W}
        id="market-table"
        label="Offers"
        columns=${zi(o,t.value?.at??"")}
        groups=${[{key:e.name,rows:n}]}
        keyOf=${r=>r.pool}
        empty="The policy names no place where machines can be bought: the base does it alone."
      />`}
    <//>
    <p class="note">Work is compared, not hours: the price of a machine by what it does in an hour, with the transfer of the images to it.</p>
  <//>`}var Or=["burst","pool-1","pool-2","pool-3","pool-4","pool-5"];function Ar(e){let t=0,n=e.map(({name:r,kind:a})=>{let i=a==="base"?"base":Or[t++%Or.length];return{column:Yt(r),name:r,color:i,fill:"own",swatch:i}}),o={column:"desired",name:"wanted",color:"ink",dash:[2,3],isOver:!0,swatch:"dotted"};return{...it.find(({id:r})=>r==="workers"),series:[...n,o]}}var Dr=[1,2,5,10,20,50,100,200,500,1e3,2e3,5e3,1e4,2e4,5e4,1e5,2e5,5e5,1e6,2e6,5e6,1e7,1e8,1e9],Bi=[5,10,15,30,60,120,180,300,600,900,1800,3600,7200,14400,28800,86400,604800],it=[{id:"backlog",title:"Backlog",series:[{column:"backlog",name:"jobs",color:"accent",fill:"soft",swatch:"line"}],full:m,axis:Z,increments:Dr,topMin:10},{id:"eta",title:"Against the deadline",series:[{column:"drain_eta_seconds",name:"drain ETA",color:"accent",swatch:"line"},{column:"oldest_age_seconds",name:"oldest job",color:"ink-2",dash:[5,4],swatch:"dashed"}],hasDeadline:!0,full:e=>e===null?"never or unknown":$(e),axis:$,increments:Bi,topMin:10},{id:"rates",title:"Rates",series:[{column:"arrival_rate",name:"arrival",color:"ink-2",dash:[5,4],swatch:"dashed"},{column:"service_rate",name:"service",color:"accent",swatch:"line"}],full:A,axis:Z,topMin:1},{id:"workers",title:"Workers",series:[{column:"base",name:"base",color:"base",fill:"solid",swatch:"base"},{column:"burst",name:"burst",color:"burst",fill:"solid",swatch:"burst"},{column:"booting",name:"booting",color:"burst",fill:"hatch",swatch:"booting"},{column:"desired",name:"wanted",color:"ink",dash:[2,3],isOver:!0,swatch:"dotted"}],isStacked:!0,isStepped:!0,full:m,axis:Z,increments:Dr,topMin:3},{id:"cost",title:"Cost",series:[{column:"cost_per_hour",name:"all",color:"ink-2",fill:"soft",swatch:"grey"},{column:"burst_cost_per_hour",name:"burst",color:"burst",swatch:"burst-line"}],isStepped:!0,full:H,axis:e=>`$${e>=1e3?Z(e):Number.isInteger(e)?e:e.toFixed(2)}`,topMin:.1}];var Ui=[0,.25,.5,.75];function Gi(e,t){switch(e.kind){case"clear":return{figure:"Clear",rest:"nothing is waiting",spare:""};case"within":return{figure:$(e.seconds),rest:"until the backlog is gone",spare:`${$(e.spare)} to spare`};case"over":return{figure:$(e.seconds),rest:"until the backlog is gone",spare:`${$(e.over)} over`};case"never":return{figure:"Never",rest:"at this rate",spare:Ki(t)};case"unknown":return{figure:"Unknown",rest:"when the backlog will be gone",spare:qi(t)}}}function Ki(e){let t=`${A(e.arrival_rate)} arrive, ${A(e.service_rate)} can be done`;return e.service_rate_soon>e.service_rate?`${t}, ${A(e.service_rate_soon)} soon`:t}function qi(e){let t=e.partitions-e.partitions_known;return e.backlog===null?"the backlog is unknown":t>0?`the lag of ${m(t)} of ${m(e.partitions)} partitions is unknown`:e.arrival_rate===null?"the arrival rate is unknown":""}function Xi(e,t){if(t>0)return`About ${me(t,"job")} will be late`;switch(e.kind){case"unknown":return"";case"never":case"over":return"Jobs will be late unless something changes";default:return"No job will be late as things stand"}}function Rr({policy:e}){let t=Vn(e),n=e.drain_within_seconds,{done:o,over:r,isCut:a}=Go(t,n),{figure:i,rest:l,spare:c}=Gi(t,e),p=f=>({width:`${(f*100).toFixed(2)}%`}),d=`Drain ETA: ${i} ${l}. Deadline ${$(n)}. ${c}`;return s`<section class=${`card deadline deadline-${t.kind}`} aria-labelledby="deadline-title">
    <div class="card-head">
      <h2 id="deadline-title">Drain ETA against the deadline</h2>
      <p class="note">every job done within ${$(n)}</p>
    </div>
    <p class="headline">
      <strong class="figure">${i}</strong>
      <span class="figure-rest">${l}</span>
      <span class="spare">${c}</span>
    </p>
    <div class="bar" role="img" aria-label=${d}>
      <div class="track">
        <div class="fill" style=${p(o)}></div>
        <div class="overrun-zone" style=${{left:`${pe*100}%`}}></div>
        <div class="fill-over" style=${{left:`${pe*100}%`,...p(r)}}></div>
        ${a&&s`<div class="cut">›››</div>`}
        ${(t.kind==="never"||t.kind==="unknown")&&s`<div class="track-word">${t.kind==="never"?"never at this rate":"unknown"}</div>`}
      </div>
      <div class="deadline-mark" style=${{left:`${pe*100}%`}}></div>
      <div class="scale" aria-hidden="true">
        ${Ui.map(f=>s`<span class=${f%.5===0?"tick":"tick tick-minor"} style=${{left:`${f*pe*100}%`}}>${$(f*n)}</span>`)}
        <span class="tick tick-deadline" style=${{left:`${pe*100}%`}}>${$(n)} deadline</span>
      </div>
    </div>
    <p class=${e.late_jobs>0?"late is-late":"late"}>${Xi(t,e.late_jobs)}</p>
  </section>`}function st({name:e,of:t,note:n,children:o}){return s`<div class=${`figure-cell figure-${t}`}>
    <dt>${e}</dt>
    <dd class="figure-value">${o}</dd>
    <dd class="figure-note">${n}</dd>
  </div>`}var Lr=5;function Ji({partitions:e,partitions_known:t,signal_age_seconds:n}){return t<e?`${m(t)} of ${m(e)} partitions known`:n.backlog===null?"age of this unknown":n.backlog>Lr?`as of ${$(n.backlog)} ago`:`over ${m(e)} partitions`}function Yi({arrival_rate:e,service_rate:t,service_rate_soon:n}){if(e===null)return"arrival rate unknown";if(n-t>.05)return`${A(n)} soon`;let o=t-e;return o>=0?`${A(o)} to spare`:`short by ${A(-o)}`}function Qi({per_day:e,used_day_share:t}){return e===null?"no daily limit":`${ee(t)} of ${y(e)} a day`}function Ir({policy:e}){let{base:t,burst:n,booting:o}=qt(e.pools),r=e.signal_age_seconds.workers;return s`<dl class="figures card" aria-label="Key figures">
    <${st} name="Backlog" of="backlog" note=${Ji(e)}>
      <${ne} text=${m(e.backlog)} /><//>
    <${st} name="Oldest job" of="oldest" note=${`of ${$(e.drain_within_seconds)} allowed`}>
      <${ne} text=${$(e.oldest_age_seconds)} /><//>
    <${st} name="Arrival → service rate" of="rates" note=${Yi(e)}>
      <${ne} text=${A(e.arrival_rate)} /><span class="arrow" aria-hidden="true">→</span><span class="sr"> against </span
      ><${ne} text=${A(e.service_rate)} /><//>
    <${st}
      name="Workers"
      of="workers"
      note=${r!==null&&r<=Lr?s`<span class="counts" aria-hidden="true"><span>base</span><span>burst</span><span>booting</span></span>`:`heard of ${r===null?"at an unknown time":`${$(r)} ago`}`}
    >
      <span class="counts">
        <span><${oe} of="base" />${m(t)}<span class="sr"> base</span></span>
        <span><${oe} of="burst" />${m(n)}<span class="sr"> burst</span></span>
        <span><${oe} of="booting" />${m(o)}<span class="sr"> booting</span></span>
      </span><//>
    <${st} name="Cost now" of="cost" note=${`burst ${H(e.burst_cost_per_hour)}`}>
      <${ne} text=${H(e.cost_per_hour)} /><//>
    <${st} name="Burst today" of="spend" note=${Qi(e.budget)}>
      <${ne} text=${y(e.budget.spent_today)} /><${sn} share=${e.budget.used_day_share} /><//>
  </dl>`}function Wr({policy:e}){let t=e.last_decision;return s`<section class="card now" aria-labelledby="now-title">
    <div class="card-head">
      <h2 id="now-title">Last decision</h2>
      ${t&&s`<p class="note"><a href=${`#/decisions/${t.id}`}>#${t.id}</a> at ${C(x(t.at))}</p>`}
    </div>
    <div class="now-body" tabindex="0" role="group" aria-label="Last decision and its reasons">
      <p class="sentence">${e.sentence||"Nothing has been decided yet."}</p>
      ${e.hold&&s`<p class="hold"><span class="chip chip-hold">Hold</span> ${e.hold.text} <code>${e.hold.code}</code></p>`}
      <${xt} reasons=${e.reasons.filter(n=>n.code!==e.hold?.code)} />
    </div>
  </section>`}var Zi=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,10800,21600,43200,86400];function Hr(e,t,n){let o=e/t,r=n?.find(i=>i>=o);if(r!==void 0)return r;let a=10**Math.floor(Math.log10(o));return([1,2,5].find(i=>i*a>=o*.999)??10)*a}function Fr(e,t){return Array.from({length:Math.floor(e/t+1e-9)+1},(n,o)=>o*t)}function jr(e,t,n,o){let r=Zi.find(i=>(t-e)/i<=n)??86400,a=Math.ceil((e+o)/r)*r-o;return{step:r,at:Array.from({length:Math.max(0,Math.floor((t-a)/r)+1)},(i,l)=>a+l*r)}}var es=["surface","line","ink","ink-2","ink-3","accent","accent-soft","base","base-fill","burst","burst-fill","pool-1","pool-2","pool-3","pool-4","pool-5","bad","warn"];function Br(){let e=getComputedStyle(document.documentElement);return Object.fromEntries(es.map(t=>[t,e.getPropertyValue(`--${t}`).trim()]))}var Ct=v(Br());matchMedia("(prefers-color-scheme: dark)").addEventListener("change",()=>{Ct.value=Br()});function Ur(){return getComputedStyle(document.body).fontFamily}var zr=new Map;function eo(e){let t=zr.get(e);return t===void 0&&(t=ts(e,6)??e,zr.set(e,t)),t}function ts(e,t){let n=document.createElement("canvas");n.width=n.height=t;let o=n.getContext("2d");if(!o)return null;o.strokeStyle=e,o.lineWidth=t/3.5,o.beginPath();for(let r of[-t,0,t])o.moveTo(r-1,t+1),o.lineTo(r+t+1,-1);return o.stroke(),o.createPattern(n,"repeat")}var Mt=48,Pt=10,Gr=8,ns=4,os=26,Kr=72,rs=30;function cn(e,t,n,o){let r=n.appendChild(document.createElement("canvas")),a=n.appendChild(document.createElement("span"));a.className="cursor";let i=e.series.map(()=>n.appendChild(document.createElement("span")));for(let u of[a,...i])u.hidden=!0;let l=null,c=null,p=()=>{l&&n.clientWidth>0&&(c=as(r,e,l,n,t))},d=u=>{if(!l||!c)return;let{left:g,width:b}=c.box,_=(u.clientX-n.getBoundingClientRect().left-g)/b;o(l.from+Math.min(1,Math.max(0,_))*(l.to-l.from))},f=()=>o(null);n.addEventListener("pointermove",d),n.addEventListener("pointerleave",f);let h=new ResizeObserver(()=>{Math.round(n.clientWidth*devicePixelRatio)!==r.width&&p()});return h.observe(n),{draw:u=>{l=u,p()},point:(u,g)=>{let b=u!==null&&l!==null&&c!==null;a.hidden=!b,i.forEach((_,k)=>{let w=b?c.heights[k][g]:null;_.hidden=w==null,!_.hidden&&(_.className=`cursor-dot swatch-${e.series[k].swatch}`,_.style.transform=`translate(${c.x(l.at[g])}px, ${c.y(w)}px)`)}),b&&(a.style.transform=`translateX(${c.x(u)}px)`)},remove:()=>{h.disconnect(),n.removeEventListener("pointermove",d),n.removeEventListener("pointerleave",f),n.replaceChildren()}}}function as(e,t,n,o,r){let[a,i]=[o.clientWidth,o.clientHeight],l=devicePixelRatio;(e.width!==Math.round(a*l)||e.height!==Math.round(i*l))&&(e.width=Math.round(a*l),e.height=Math.round(i*l));let c={left:Mt,top:Gr,width:a-Mt-Pt,height:i-Gr-(r?os:ns)},{from:p,to:d}=n,f=is(t,n),h=ls(t,n,f),u={box:c,heights:f,x:b=>c.left+(b-p)/(d-p)*c.width,y:b=>c.top+(1-Math.min(b/h,1.2))*c.height},g=e.getContext("2d");if(!g)return u;g.setTransform(l,0,0,l,0,0),g.clearRect(0,0,a,i),g.font=`11px ${Ur()}`,cs(g,t,n,u,h),r&&fs(g,n,u),g.save(),g.beginPath(),g.rect(c.left,0,c.width,c.top+c.height+1),g.clip(),ms(g,n,u);for(let b of ss(t))hs(g,t,t.series[b],n,u,f[b]);return vs(g,n,u),t.hasDeadline&&bs(g,n,u),g.restore(),u}function is(e,{at:t,columns:n}){let o=null;return e.series.map(({column:r,isOver:a})=>{let i=n[r]??t.map(()=>null),l=o;return!e.isStacked||a?i:(o=l===null?i:i.map((c,p)=>c===null?l[p]??null:c+(l[p]??0)),o)})}function ss({series:e,isStacked:t}){let n=e.map((o,r)=>r);return t?[...n.filter(o=>!e[o].isOver).reverse(),...n.filter(o=>e[o].isOver)]:n}function ls(e,{deadline:t,at:n,from:o},r){let a=0;for(let l of r)for(let c=0;c<l.length;c+=1)n[c]>=o&&(l[c]??0)>a&&(a=l[c]);let i=Math.max(e.topMin,a*1.12);return e.hasDeadline?Math.min(Math.max(i,t*1.25),t*4):i}function cs(e,t,{colors:n},{box:o,y:r},a){let i=Hr(a,Math.max(1,Math.floor(o.height/rs)),t.increments);e.textAlign="right",e.textBaseline="middle",e.fillStyle=n["ink-3"],e.strokeStyle=n.line,e.lineWidth=1;for(let l of Fr(a,i)){let c=Math.round(r(l))+.5;to(e,o.left,c,o.left+o.width,c),e.fillText(t.axis(l),o.left-8,c)}}var us=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit"}),ds=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"}),ps=new Intl.DateTimeFormat("en-GB",{day:"numeric",month:"short"});function fs(e,{from:t,to:n,colors:o},{box:r,x:a}){let i=-new Date(t*1e3).getTimezoneOffset()*60,{step:l,at:c}=jr(t,n,r.width/Kr,i);e.textAlign="center",e.textBaseline="top",e.fillStyle=o["ink-3"];for(let p of c){if(a(p)>r.left+r.width+Pt-Kr/3)continue;let d=l>=7200&&(p+i)%86400===0;e.fillText((d?ps:l<60?ds:us).format(p*1e3),a(p),r.top+r.height+8)}}function ms(e,{at:t,from:n,colors:o},{box:r,x:a,heights:i}){let l=i[0];e.fillStyle=eo(o.line);for(let c=0;c<t.length;c+=1){if(l[c]!==null)continue;let p=c;for(;p+1<t.length&&l[p+1]===null;)p+=1;let d=a(Math.max(n,t[Math.max(0,c-1)]));e.fillRect(d,r.top,Math.max(1,a(t[Math.min(t.length-1,p+1)])-d),r.height),c=p}}function hs(e,t,n,o,{box:r,x:a,y:i},l){let{at:c,colors:p}=o,d=new Path2D,f=new Path2D,h=r.top+r.height,u=null,g=0,b=()=>{u!==null&&(f.lineTo(g,h),f.lineTo(u,h),u=null)};for(let _=0;_<c.length;_+=1){let k=l[_];if(k==null){b();continue}let[w,M]=[a(c[_]),i(k)];if(u===null)u=w,d.moveTo(w,M),f.moveTo(w,M);else if(t.isStepped){let P=i(l[_-1]);d.lineTo(w,P),f.lineTo(w,P)}d.lineTo(w,M),f.lineTo(w,M),g=w}b(),n.fill&&(e.fillStyle=gs(n,p),e.fill(f)),e.strokeStyle=p[n.color],e.lineWidth=1.75,e.lineCap=n.dash?"butt":"round",e.lineJoin="round",e.setLineDash([...n.dash??[]]),e.stroke(d),e.setLineDash([])}function gs({fill:e,color:t},n){return e==="own"?`color-mix(in srgb, ${n[t]} 55%, ${n.surface})`:e==="hatch"?eo(n[t]):e==="solid"?n[t==="base"?"base-fill":"burst-fill"]:t==="accent"?n["accent-soft"]:n.line}function vs(e,{marks:t,colors:n},{box:o,x:r}){e.lineWidth=1,e.globalAlpha=.45,e.setLineDash([2,3]);for(let a of t){let i=Math.round(r(a.at))+.5;e.strokeStyle=n[a.color],to(e,i,o.top,i,o.top+o.height)}e.globalAlpha=1,e.setLineDash([])}function bs(e,{deadline:t,colors:n},{box:o,y:r}){let a=Math.round(r(t))+.5;e.lineWidth=1.5,e.strokeStyle=e.fillStyle=n.bad,to(e,o.left,a,o.left+o.width,a),e.font=`600 ${e.font}`,e.textAlign="left",e.textBaseline="bottom",e.fillText("deadline",o.left+4,a-2)}function to(e,t,n,o,r){e.beginPath(),e.moveTo(t,n),e.lineTo(o,r),e.stroke()}var _s=[[900,"15m"],[3600,"1h"],[21600,"6h"],[86400,"24h"],[604800,"7d"]],ws=60,be=v(null);function $s(e){let{at:t,columns:n,marks:o}=he.value,r=B.value,a=r??t.at(-1)??Date.now()/1e3,i=r===null?Math.min(Math.max(t[0]??a,a-j.value),a-ws):r-j.value;return{at:t,columns:n,to:a,from:i,marks:xs(o.filter(l=>l.at>=i&&l.at<=a),i,a,Math.max(1,e/ys))}}var ys=12,ks=40;function xs(e,t,n,o){let r=i=>no.length-no.findIndex(([l])=>l===i.kind),a=new Map;for(let i of e){let l=Math.floor((i.at-t)/(n-t)*o),c=a.get(l);(!c||r(i)>r(c))&&a.set(l,i)}return[...a.values()]}function dn(e,t){let n=0,o=e.length;for(;n<o;){let r=n+o>>1;e[r]<=t?n=r+1:o=r}return Math.max(0,n-1)}var Ss={grow:"ink",shrink:"ink",order:"ink",trouble:"warn",hold:"ink-3"},no=[["grow","more workers"],["shrink","fewer"],["order","ordered"],["trouble","trouble"],["hold","hold"],["note","other"]];function qr(e){return he.value.marks.find(t=>t.at<=e+.5)}var Ns=.015;function Ts(e,{marks:t,from:n,to:o}){let r=a=>Math.abs(a.at-e);return t.filter(a=>r(a)<=(o-n)*Ns).sort((a,i)=>r(a)-r(i))[0]}function oo(e){let t=be.peek(),n=t&&Ts(e,t);n&&rr(n.isOrder?"control":`decisions/${n.id}`)}var Cs=120;function Ms(e,{from:t,to:n,at:o,marks:r}){let a=Math.max(t,o[0]??t),i=U.peek()??n,l=Math.max(1,(n-t)/Cs);switch(e){case"ArrowLeft":case"ArrowDown":return Math.max(a,i-l);case"ArrowRight":case"ArrowUp":return Math.min(n,i+l);case"Home":return a;case"End":return n;case"PageUp":return r.find(c=>c.at<i-.5)?.at??a;case"PageDown":return r.findLast(c=>c.at>i+.5)?.at??n;default:return null}}var lt=v(null);function Ps(e,t){let n=U.value??e.to,o=dn(e.at,n),r=t.flatMap(a=>a.series.map(i=>`${a.title} ${i.name} ${a.full(e.columns[i.column]?.[o]??null)}`));return`${C(n)}. ${r.join(", ")}. ${qr(n)?.sentence??""}`}function Vs({specs:e}){let t=be.value;if(!t)return s`<div class="lane"></div>`;let n=i=>({left:`${((i-t.from)/(t.to-t.from)*100).toFixed(3)}%`}),o=i=>{if(i.key==="Enter")return oo(U.peek()??t.to);if(i.key==="Escape"){lt.value=U.value=null;return}let l=Ms(i.key,t);l!==null&&(i.preventDefault(),lt.value=U.value=l)},r=i=>{let l=i.currentTarget.getBoundingClientRect();oo(t.from+(i.clientX-l.left)/l.width*(t.to-t.from))},a=U.value;return s`<div
    class="lane"
    role="slider"
    tabindex="0"
    aria-label="Time; page up and page down go from decision to decision, enter opens one"
    aria-valuemin=${Math.round(t.from)}
    aria-valuemax=${Math.round(t.to)}
    aria-valuenow=${Math.round(a??t.to)}
    aria-valuetext=${Ps(t,e)}
    onKeyDown=${o}
    onClick=${r}
    onBlur=${()=>{lt.peek()!==null&&(lt.value=U.value=null)}}
  >
    ${t.marks.map(i=>s`<span key=${i.id} class=${`mark marker marker-${i.kind}`} style=${n(i.at)}></span>`)}
    ${a!==null&&a>=t.from&&s`<span class="lane-cursor" style=${n(a)}></span>`}
  </div>`}function Es(){let e=be.value,t=U.value;return!e||t===null?s`<p class="readout"><span class="legend">
      ${no.map(([n,o])=>s`<span class="legend-item"><span class=${`marker marker-${n}`} aria-hidden="true"></span> ${o}</span>`)}
    </span></p>`:s`<p class="readout">
    <strong>${B.value===null&&j.value<86400?"":`${K(t)} `}${C(t)}</strong>${" "}
    <span>${Ye((x(O.value?.at??"")??e.to)-t)}</span>
    <span class="readout-text">${qr(t)?.sentence??"before what was decided in view"}</span>
  </p>`}function Os({spec:e}){let t=be.value,n=t?dn(t.at,U.value??t.to):0,o=r=>t&&t.at.length>0?e.full(t.columns[r.column]?.[n]??null):"–";return s`<span class="legend">
    ${e.series.map(r=>s`<span class="legend-item">
        ${e.series.length>1&&s`<${oe} of=${r.swatch} /><span class="legend-name">${r.name}</span>`}
        <strong>${o(r)}</strong>
      </span>`)}
  </span>`}function Ds(e,t){if(!t||t.at.length===0)return`${e.title}: nothing yet`;let n=e.series.map(o=>{let r=t.columns[o.column]??[],a=r.reduce((i,l)=>Math.max(i,l??0),0);return`${o.name} now ${e.full(r.at(-1)??null)}, highest ${e.full(a)}`});return`${e.title} over the last ${$(t.to-t.from)}: ${n.join("; ")}`}function As({spec:e,hasTimeAxis:t,place:n}){return s`<div class="plot">
    <div class="plot-head">
      <h3>${e.title}</h3>
      <${Os} spec=${e} />
    </div>
    <div class="plot-canvas" role="img" aria-label=${Ds(e,be.value)}>
      <div class=${t?"plot-root with-time":"plot-root"} ref=${n}></div>
    </div>
  </div>`}function Rs(e,t,n){let o=l=>{let c=be.peek();lt.value=null,U.value=l===null||!c?null:c.at[dn(c.at,l)]??null},r=e.map((l,c)=>cn(l,c===e.length-1,n[c],o)),a=G(()=>{Le.value;let l=$s(n[0].clientWidth-Mt-Pt);be.value=l;let c=l.marks.flatMap(({at:d,kind:f})=>f==="note"?[]:[{at:d,color:Ss[f]}]),p=c.length<=ks?c:[];for(let d of r)d.draw({...l,colors:Ct.value,deadline:t,marks:p})}),i=G(()=>{let l=be.value,c=U.value,p=l!==null&&c!==null&&c>=l.from;for(let d of r)d.point(p?c:null,p?dn(l.at,c):0)});return()=>{a(),i();for(let l of r)l.remove();be.value=U.value=lt.value=null}}function ro(){return s`<${ve}
    label="Time range"
    of=${_s}
    value=${j.value}
    choose=${e=>{j.value=e}}
  />`}function ao({policy:e,specs:t}){let n=Q([]),{drain_within_seconds:o}=e;q(()=>Rs(t,o,n.current.filter(a=>a!==null)),[t,o]);let r=()=>{U.peek()!==null&&oo(U.peek())};return s`<${Es} />
    <div class="lane-place" style=${{paddingLeft:`${Mt}px`,paddingRight:`${Pt}px`}}><${Vs} specs=${t} /></div>
    <div class="plots" onClick=${r}>
      ${t.map((a,i)=>s`<${As}
          key=${a.id}
          spec=${a}
          hasTimeAxis=${i===t.length-1}
          place=${l=>{n.current[i]=l}}
        />`)}
    </div>`}function Ls(){let e=B.value??x(O.value?.at??"")??0,{oldest:t}=he.value,n=o=>{let r=e+o*j.value/2;B.value=r>=(x(O.value?.at??"")??r)?null:r};return s`<div class="buttons" role="group" aria-label="Other hours">
    <button type="button" class="button small" disabled=${t===null||e-j.value<=t} onClick=${()=>n(-1)}>‹ Earlier</button>
    <button type="button" class="button small" disabled=${B.value===null} onClick=${()=>n(1)}>Later ›</button>
    <button
      type="button"
      class="button small"
      disabled=${B.value===null}
      onClick=${()=>{B.value=null}}
    >
      Now
    </button>
  </div>`}function Is(){if(Ie.value!==We.value)return"reading …";let{at:e,step:t}=he.value,n=B.value;if(n!==null)return`${K(n-j.value)} ${C(n-j.value)} to ${K(n)} ${C(n)}, a point each ${$(t)}`;let o=e[0],r=o===void 0?0:(e.at(-1)??o)-o,a=`a point each ${$(t)}`;return r<j.value*.95?`${$(r)} are kept, ${a}`:a}var un=v(!1);function Xr({policy:e}){Le.value;let t=e.pools.map(({name:o,kind:r})=>`${r} ${o}`).join(`
`),n=Ge(()=>un.value?it.map(o=>o.id==="workers"?Ar(e.pools):o):it,[un.value,t]);return q(()=>()=>{B.value=null},[]),s`<${S} id="timeline" title="Timeline" class="whole" note=${Is()} tools=${s`<${Ls} /><${ro} />`}>
    <${ao} policy=${e} specs=${n} />
    <div class="buttons">
      <${ve}
        label="Workers by"
        of=${[[!1,"Workers by kind"],[!0,"by pool"]]}
        value=${un.value}
        choose=${o=>{un.value=o}}
      />
    </div>
  <//>`}var Ws=5;function Hs({pool:e}){let t=Math.max(e.max,e.ready+e.booting+e.draining,1),n=(o,r)=>s`<span class=${r} style=${{width:`${o/t*100}%`}}></span>`;return s`<span class="slots" aria-hidden="true">
    ${n(e.ready,`swatch-${e.kind}`)}${n(e.draining,"slot-draining")}${n(e.booting,"swatch-booting")}
  </span>`}var Fs=[{name:"Pool",isText:!0,show:e=>s`<${oe} of=${e.kind} />${e.name}`,more:({cloud:e,machine:t,zone:n,region:o,market:r})=>[e,t,n||o,r].filter(Boolean).join(" · ")},{name:"Of its most",isText:!0,show:e=>s`<${Hs} pool=${e} /><span class="slots-text">${m(e.ready+e.draining+e.booting)} of ${m(e.max)}</span>`},{name:"Ready",by:e=>e.ready,show:e=>m(e.ready)},{name:"Booting",by:e=>e.booting,show:e=>m(e.booting)},{name:"Draining",by:e=>e.draining,show:e=>m(e.draining)},{name:"Wanted",by:e=>e.desired,show:e=>m(e.desired)},{name:"Each does",by:e=>e.rate_per_worker,show:e=>A(e.rate_per_worker),more:e=>e.measured?"measured":"assumed"},{name:"Ready in",by:e=>e.boot_seconds,show:e=>$(e.boot_seconds)},{name:"Price",by:e=>e.price_per_hour,show:e=>H(e.price_per_hour)},{name:"$ per million",by:e=>e.dollars_per_million,show:e=>y(e.dollars_per_million)}];function js(){let e=tt.value.slice(0,Ws);return s`<${S} id="recent" title="Recent decisions" tools=${s`<a class="to" href="#/decisions">All decisions</a>`}>
    ${e.length===0?s`<${Ce}>${ce.value.size>0?"Nothing has been decided yet.":"Reading the log …"}<//>`:s`<ol class="entries">${e.map(t=>s`<li key=${t.id}><${Xn} decision=${t} /></li>`)}</ol>`}
  <//>`}var zs=it.filter(({id:e})=>e==="backlog"||e==="workers");function Jr({policy:e}){let{orphans:t}=e;return s`<${Rr} policy=${e} />
    <${Wr} policy=${e} />
    <${Ir} policy=${e} />
    <${S} id="course" title="Course" class="wide-part" note=${s`<a class="to" href="#/timeline">Timeline</a>`} tools=${s`<${ro} />`}>
      <${ao} policy=${e} specs=${zs} />
    <//>
    <${js} />
    <${S}
      id="pools"
      title="Pools"
      class="whole"
      note=${t!==null&&t>0?s`<${N} kind="bad">${m(t)} machines without an intent<//>`:void 0}
    >
      <${W} id="pools-table" label="Pools" columns=${Fs} groups=${[{key:"all",rows:e.pools}]} keyOf=${n=>n.name} />
    <//>`}var Bs=64,io=1e3;function Us(e,t){return Array.from({length:Math.ceil(e.length/t)},(n,o)=>e.slice(o*t,(o+1)*t))}function Gs({lag:e,lagMax:t,isNumbered:n}){let o=`partition ${e.partition}: ${e.lag===null?"lag unknown":`${m(e.lag)} waiting`}${e.is_stuck?", stuck":""}`,r=e.lag===null?"unknown":Dn(e.lag,t),a=e.lag===null?"?":Z(e.lag);return s`<td class=${`heat heat-${r} ${e.is_stuck?"is-stuck":""}`} title=${o}>
    ${n&&s`<span aria-hidden="true">${a}</span>`}<span class="sr">${e.lag===null?"unknown":m(e.lag)}${e.is_stuck?" stuck":""}</span>
  </td>`}function Ks({topic:e,lags:t,lagMax:n}){let o=t.length<=Bs,r=o?8:32;return s`<table class=${o?"strip":"strip strip-dense"}>
    <caption>${e}${t.length>io&&`, the first ${m(io)} of ${m(t.length)} partitions`}</caption>
    <thead class="sr">
      <tr>
        <th scope="col">From partition</th>
        ${Array.from({length:r},(a,i)=>s`<th scope="col">plus ${i}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${Us(t.slice(0,io),r).map(a=>s`<tr>
          <th scope="row">${a[0]?.partition}</th>
          ${a.map(i=>s`<${Gs} key=${i.partition} lag=${i} lagMax=${n} isNumbered=${o} />`)}
          ${Array.from({length:r-a.length},()=>s`<td></td>`)}
        </tr>`)}
    </tbody>
  </table>`}function qs(e){let t=e.filter(i=>i.lag!==null),n=t.reduce((i,l)=>i&&i.lag>=l.lag?i:l,null),o=e.length-t.length,r=o>0?`; ${m(o)} unknown`:"";if(!n)return e.length===0?"no partition is known":`lag of all ${m(e.length)} unknown`;let a=t.reduce((i,{lag:l})=>i+l,0)/t.length;return n.lag===0?`nothing waits${r}`:`most in ${n.partition}: ${m(n.lag)}, ${(n.lag/a).toFixed(1)} × the mean${r}`}function Yr({lagMax:e}){return s`<p class="heat-legend" aria-hidden="true">
    0 ${Array.from({length:On+1},(t,n)=>s`<span class=${`heat heat-${n}`}></span>`)} ${Z(e)}
    <span class="heat heat-unknown"></span> unknown
  </p>`}function Xs({lags:e,lagMax:t}){let n=e.map((o,r)=>`${o===null?"var(--heat-unknown)":`var(--heat-${Dn(o,t)})`} ${(r/e.length*100).toFixed(2)}% ${((r+1)/e.length*100).toFixed(2)}%`);return s`<span class="heat-strip" aria-hidden="true" style=${{"--stops":n.join()}}></span>`}var so=e=>e.reduce((t,n)=>n===null?t:Math.max(t??0,n),null);function Js(e,t){return[{name:"Partition",isText:!0,by:n=>n.partition,show:n=>String(n.partition),more:n=>n.topic},{name:t,isText:!0,show:n=>s`<${Xs} lags=${n.lags} lagMax=${e} />`},{name:"Now",by:n=>n.lag,show:n=>m(n.lag)},{name:"Highest",by:n=>so(n.lags),show:n=>m(so(n.lags))},{name:"Read by",isText:!0,by:n=>n.owner,show:n=>n.is_stuck?s`<${N} kind="bad">stuck<//> ${n.owner}`:n.owner??s`<span class="note">nobody says so</span>`}]}function Ys(){let e=te(X("partitions?from=-1h&points=60"),10),{at:t=[],partitions:n=[],left_out:o=0}=e.value??{},r=n.reduce((c,{lag:p,lags:d})=>Math.max(c,p??0,so(d)??0),0),a=n.filter(c=>c.is_stuck).length,i=t.length>1?`${C(t[0]).slice(0,5)} to ${C(t.at(-1)).slice(0,5)}`:"The last hour",l=[a>0?`${m(a)} stuck`:"none is stuck",...o>0?[`${m(o)} with less lag left out`]:[],...e.value?[`a cell each ${$(e.value.step_seconds)}`]:[]];return s`<${S} id="over-time" title="Over the last hour" class="whole" note=${e.value?l.join(", "):void 0}>
    <${re} of=${e}>
      ${()=>s`<${W}
          id="partitions-table"
          label="Lag of each partition over time"
          columns=${Js(r,i)}
          groups=${[{key:"all",rows:n}]}
          keyOf=${c=>`${c.topic}
${c.partition}`}
          empty="No partition is known: the topics cannot be read, or are not there yet."
        />
        <${Yr} lagMax=${r} />`}
    <//>
  <//>`}function Qr({policy:e}){let t=e.lags.reduce((o,{lag:r})=>Math.max(o,r??0),0),n=new Map;for(let o of e.lags)n.set(o.topic,[...n.get(o.topic)??[],o]);return s`<${S} id="partitions" title="Waiting now" class="whole" note=${qs(e.lags)}>
      <div class="strips">
        ${[...n].map(([o,r])=>s`<${Ks} key=${o} topic=${o} lags=${r.sort((a,i)=>a.partition-i.partition)} lagMax=${t} />`)}
      </div>
      <${Yr} lagMax=${t} />
    <//>
    <${Ys} />`}var Qs={"on-time":"M3.500 8.500l3 3 6-7","at-risk":"M8 3v6.500M8 12.800v.2",late:"M4 4l8 8M12 4l-8 8",holding:"M5.500 3.500v9M10.500 3.500v9",unknown:"M5.300 5.800a2.700 2.700 0 1 1 3.700 2.500c-.7.300-1 .8-1 1.500M8 12.800v.2"};function Zs({of:e}){return s`<span class=${`badge badge-${e}`}>
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d=${Qs[e]} /></svg>
    ${Xe[e]}
  </span>`}var el={connecting:"Connecting",live:"Live",lost:"Connection lost"};function tl(){let e=Qt.value,t=F.value==="live"&&Ne.value?"stale":F.value,o=z.value?.may_read===!1?"Not signed in":t==="stale"?"No news":el[F.value];return s`<div class=${`connection connection-${t}`}>
    <span class="connection-age">${e===null?"":e<2?"as of now":`as of ${$(Math.floor(e))} ago`}</span>
    <span class="dot" aria-hidden="true"></span>
    <span class="connection-text">${o}</span>
  </div>`}function Zr(){let e=Qt.value,t=Ne.value&&e!==null,n=F.value==="lost"?"Connection to the controller lost; trying again.":"The controller sends nothing new.";return s`<aside class="notice-place" aria-label="Connection">
    ${t&&s`<div class="notice">
      <strong>${n}</strong> <span>What is shown is ${$(Math.floor(e))} old.</span>
    </div>`}
  </aside>`}function ea(){let e=ae.value,t=F.value==="lost"?"Connection lost. ":"";return s`<div class="sr" role="status">${t}${e?`${e.name}: ${Xe[Re(e)]}`:""}</div>`}function nl({policies:e,current:t}){if(e.length<2)return null;let n=(o,r)=>{o.metaKey||o.ctrlKey||o.shiftKey||(o.preventDefault(),Zo(r))};return s`<nav class="policies" aria-label="Policies">
    ${e.map(o=>s`<a
        key=${o.name}
        href=${`?policy=${encodeURIComponent(o.name)}`}
        aria-current=${o.name===t?"page":void 0}
        onClick=${r=>n(r,o.name)}
      >
        <span class=${`dot dot-${Re(o)}`} aria-hidden="true"></span>${o.name}<span class="sr">, ${Xe[Re(o)]}</span>
      </a>`)}
  </nav>`}function ol({policy:{mode:e,pause:t,overrides:n}}){let o=r=>r===null?"":` until ${C(x(r)).slice(0,5)}`;return s`${e==="Recommend"&&s`<${N} kind="quiet">Recommends only<//>`}
    ${t&&s`<a href="#/control"><${N} kind="trouble">Paused${o(t.until)}<//></a>`}
    ${n.map(r=>s`<a href="#/control" key=${r.id}><${N} kind="trouble">${r.pool} overridden${o(r.until)}<//></a>`)}`}var Vt=v(!1);function ta(){let e=ge.value,t=()=>{Vt.value=!1};return s`<header class=${`rail ${Vt.value?"is-open":""}`}>
    <a class="brand" href="#/" onClick=${t}><img src="icon.svg" width="24" height="24" alt="" /> Spillway</a>
    <button
      type="button"
      class="button menu"
      aria-expanded=${Vt.value}
      aria-controls="menu"
      onClick=${()=>{Vt.value=!Vt.value}}
    >
      ${ot.value} <span aria-hidden="true">▾</span><span class="sr">, menu</span>
    </button>
    <nav id="menu" aria-label="Screens">
      ${tn.map(([n,o])=>s`<a key=${n} href=${`#/${n}`} aria-current=${n===e?"page":void 0} onClick=${t}>${o}</a>`)}
    </nav>
  </header>`}function na(){let e=ae.value;return s`<section class=${Ne.value?"top is-stale":"top"} aria-label="Policy and connection">
    <div class="top-row">
      <h1>${e?.name??"Spillway"}</h1>
      ${e&&s`<${Zs} of=${Re(e)} /><${ol} policy=${e} />`}
      <${tl} />
    </div>
    ${e&&s`<${nl} policies=${O.value?.policies??[]} current=${e.name} />`}
  </section>`}function oa(){let e=z.value;return s`<footer>
    <span>Spillway ${O.value?.version??""}</span>
    ${e&&s`<span>${e.user??"nobody in particular"}, ${e.may_operate?"may read and order":e.may_read?"may read only":"not signed in"}</span>`}
    <span>times of this browser's zone, days of UTC</span>
    <a href="licences.txt">Licences</a>
  </footer>`}function ra(){let e=Q(null),t=Q(!0),n=ge.value;return q(()=>{t.current||(e.current?.focus({preventScroll:!0}),scrollTo(0,0)),t.current=!1},[n]),e}function lo(e,t,n,o,r){return{id:e,title:t,series:[{column:`${e} edited`,name:"edited",color:"accent",fill:"soft",swatch:"line"},{column:`${e} current`,name:"in force",color:"ink-2",dash:[5,4],swatch:"dashed"}],isStepped:e==="workers",full:n,axis:o,topMin:r}}var Et=[lo("backlog","Backlog",e=>m(e===null?null:Math.round(e)),Z,10),lo("workers","Bought machines",m,Z,3),lo("spent","Spent",y,e=>`$${Z(e)}`,.1)],co=v(null);function aa(e,t){return Object.fromEntries(Et.flatMap(({id:n})=>[[`${n} current`,e[n]],[`${n} edited`,t[n]]]))}function ia({answer:{current:e,edited:t,from:n,to:o}}){let r=Q([]),a=Ct.value,[i,l]=[e.series,t.series];if(q(()=>{if(!i||!l)return;let{at:f}=i,h={colors:a,at:f,columns:aa(i,l),from:f[0]??0,to:f.at(-1)??1,deadline:0,marks:[]},u=b=>f.reduce((_,k,w)=>Math.abs(k-b)<Math.abs(f[_]-b)?w:_,0),g=Et.map((b,_)=>cn(b,_===Et.length-1,r.current[_],k=>{let w=k===null?null:u(k);co.value=w;for(let M of g)M.point(w===null?null:f[w],w??0)}));for(let b of g)b.draw(h);return()=>{co.value=null;for(let b of g)b.remove()}},[i,l,a]),!i||!l)return null;let c=aa(i,l),p=co.value,d=f=>f.reduce((h,u)=>u===null?h:Math.max(h??0,u),null);return s`<p class="readout">${p===null?`the most of each, ${K(i.at[0])} ${C(i.at[0])} on`:s`<strong>${K(i.at[p])} ${C(i.at[p])}</strong>`}</p>
    ${Et.map((f,h)=>s`<div class="plot" key=${f.id}>
        <div class="plot-head">
          <h3>${f.title}</h3>
          <span class="legend">
            ${f.series.map(({column:u,name:g,swatch:b})=>s`<span class="legend-item"><${oe} of=${b} /><span class="legend-name">${g}</span> <strong>${f.full(p===null?d(c[u]):c[u][p]??null)}</strong></span>`)}
          </span>
        </div>
        <div role="img" aria-label=${`${f.title} from ${n} to ${o}: ${f.series.map(({column:u,name:g})=>`${g} at most ${f.full(d(c[u]))}`).join(", ")}`}>
          <div
            class=${h===Et.length-1?"plot-root with-time":"plot-root"}
            ref=${u=>{r.current[h]=u}}
          ></div>
        </div>
      </div>`)}`}var rl=[1,6,24,72,168].map(e=>[e,e<48?`${e}h`:`${e/24}d`]),uo=v(6),pn=v(null),fn=v(!1),_e=v(null),sa=I(()=>_e.value instanceof se?_e.value.problem.problems??[]:[]);async function al(e,t){fn.value=!0,_e.value=null;try{_e.value=await ke(e,"what-if",{yaml:t,hours:uo.peek()})}catch(n){Te(n),_e.value=n instanceof Error?n:new Error(String(n))}finally{fn.value=!1}}var il=[{name:"Cost in all",by:e=>e.total_cost,show:e=>y(e.total_cost)},{name:"Burst",by:e=>e.burst_cost,show:e=>y(e.burst_cost)},{name:"Base",by:e=>e.base_cost,show:e=>y(e.base_cost)},{name:"Late jobs",by:e=>e.late_jobs,show:e=>`${m(e.late_jobs)}${e.late_share===null?"":` (${(e.late_share*100).toFixed(2)}%)`}`},{name:"Longest wait",by:e=>e.wait_max_seconds,show:e=>$(e.wait_max_seconds)},{name:"Usual wait",by:e=>e.wait_p50_seconds,show:e=>$(e.wait_p50_seconds)},{name:"Launches",by:e=>e.launches,show:e=>m(e.launches)}];function sl({by:e},{current:t,edited:n}){let o=e(t),r=e(n);if(o===null||r===null)return s`<span class="unknown">unknown</span>`;if(o===r)return s`<span class="note">the same</span>`;let a=o>0?` ${ee(Math.abs(r-o)/o)}`:"";return s`<${N} kind=${r<o?"action":"trouble"}>${r<o?"▼":"▲"}${a||" more"}<span class="sr">${r<o?" less":" more"}</span><//>`}function ll(e){return[{name:"Figure",isText:!0,show:({name:t})=>t},{name:"In force",show:({show:t})=>t(e.current)},{name:"Edited",show:({show:t})=>t(e.edited)},{name:"Change",show:t=>sl(t,e)}]}var cl={"+":"added","-":"removed","@":"place"};function ul({of:e}){return s`<pre class="diff" tabindex="0" aria-label="Changes of the policy">${e.split(`
`).map(t=>s`<span class=${`line-${cl[t[0]]??"same"}`}>${t}${`
`}</span>`)}</pre>`}var ca=v("");function la({text:e,name:t}){return s`<button type="button" class="button small" onClick=${async()=>{ca.value=await navigator.clipboard.writeText(e).then(()=>`${t} copied`,()=>"this browser does not let it be copied")}}>Copy ${t}</button>`}function dl({current:e,edited:t}){let[n,o]=[e.total_cost,t.total_cost],r=n===null||o===null?"What it would have cost is unknown":o===n?"It would have cost the same":`It would have cost ${y(Math.abs(o-n))} ${o<n?"less":"more"}`,a=t.late_jobs===null?"how many jobs would have been late is unknown":t.late_jobs===0?"no job would have been late":`${m(t.late_jobs)} jobs would have been late, against ${m(e.late_jobs)}`;return`${r}, and ${a}.`}function pl({answer:e}){let{arrivals:t,gaps_seconds:n,differences:o,diff:r,kubectl:a,how:i,edited:l}=e,c=p=>`${K(x(p))} ${C(x(p))}`;return s`<${S} id="outcome" title="What would have been" class="whole" note=${`${c(e.from)} to ${c(e.to)}, ${m(t)} images`}>
      <p class="sentence" role="status">${dl(e)}</p>
      ${l.budget_exceeded&&s`<p><${N} kind="bad">The edited policy would have been over its budget<//></p>`}
      ${n>0&&s`<p><${N} kind="trouble">${$(n)} were not recorded and count as without arrivals<//></p>`}
      <${W} id="what-if-table" label="Both policies" columns=${ll(e)} groups=${[{key:"all",rows:il}]} keyOf=${p=>p.name} />
      <${ia} answer=${e} />
      <p class="note">${i}</p>
    <//>
    <${S} id="diff" title="The change" class="half" tools=${s`<span class="buttons"><${la} text=${r} name="diff" /><${la} text=${a} name="command" /></span>`}>
      ${r?s`<${ul} of=${r} />`:s`<p class="empty">Nothing was changed: both are the policy in force.</p>`}
      <p class="note" role="status">${ca.value}</p>
    <//>
    <${S} id="differences" title="Decided otherwise" class="half" note=${o?`${m(o.different)} of ${m(o.plans)} plans`:void 0}>
      ${o?o.first.length===0?s`<p class="empty">Every recorded moment would have been decided in the same way.</p>`:s`<ol class="actions">${o.first.map(p=>s`<li><time datetime=${p.at}>${c(p.at)}</time><span class="line-removed">${p.recorded}</span><span class="line-added">${p.edited}</span></li>`)}</ol>`:s`<p class="empty">The journal does not reach these hours: only the simulator speaks.</p>`}
    <//>`}function fl({of:e}){return s`<ol class="problems">
    ${e.map(({path:t,line:n,column:o,message:r,help:a})=>s`<li><strong>${n===null?t:`line ${n}${o===null?"":`, column ${o}`}`}</strong> ${n===null?"":s`<code>${t}</code>`} ${r}${a?s` <span class="note">${a}</span>`:null}</li>`)}
  </ol>`}function ml({policy:e,manifest:t}){let n=pn.value??t.yaml,o=_e.value instanceof Error?_e.value:null,r=()=>{pn.value=null,_e.value=null};return s`<form
    onSubmit=${a=>{a.preventDefault(),al(e,n)}}
  >
    <textarea
      class="editor"
      aria-label="Policy as YAML"
      aria-invalid=${sa.value.length>0?"true":void 0}
      aria-describedby="what-if-failure"
      spellcheck=${!1}
      rows="18"
      value=${n}
      onInput=${a=>{pn.value=a.currentTarget.value}}
    ></textarea>
    <div id="what-if-failure" role="alert">${o&&s`<p class="failure">${le(o)}</p><${fl} of=${sa.value} />`}</div>
    <div class="buttons">
      <button type="button" class="button" disabled=${pn.value===null} onClick=${r}>Back to the policy in force</button>
      <button class="button button-main" disabled=${fn.value}>${fn.value?"Playing …":"Play"}</button>
    </div>
  </form>`}function ua({policy:e}){let t=te(`policies/${encodeURIComponent(e.name)}/manifest`,60),n=_e.value;return s`<${S}
      id="what-if"
      title="What if"
      class="whole"
      note="edit the policy, play it over what was recorded; nothing is changed"
      tools=${s`<${ve}
        label="Hours to play"
        of=${rl}
        value=${uo.value}
        choose=${o=>{uo.value=o}}
      />`}
    >
      <${re} of=${t}>${o=>s`<${ml} policy=${e.name} manifest=${o} />`}<//>
    <//>
    ${n&&!(n instanceof Error)&&s`<${pl} answer=${n} />`}`}var hl={"":Jr,timeline:Xr,decisions:Tr,fleet:Mr,partitions:Qr,market:Er,cost:kr,"what-if":ua,control:wr,health:Vr};function gl(){let e=O.value?"The controller has no policy yet. Give it one with spillway run --policy FILE, or as a ScalingPolicy in its namespace.":F.value==="lost"?"The controller does not answer; trying again.":"Waiting for the controller …";return s`<p class="empty empty-page">${e}</p>`}function vl({children:e}){let[t,n]=Do(o=>console.error(o));return t===void 0?s`${e}`:s`<div class="empty empty-page" role="alert">
    <p>This screen cannot be drawn: ${le(t)}. The fault is the page's; the controller goes on.</p>
    <button type="button" class="button" onClick=${n}>Try again</button>
  </div>`}function bl(){let e=ae.value;if(z.value&&!z.value.may_read)return s`<${ln} />`;if(!e)return s`<${gl} />`;let t=ge.value;return t===null?s`<p class="empty empty-page">There is no such screen. <a href="#/">To the overview</a></p>`:s`<${vl} key=${`${t} ${e.name}`}><${hl[t]} policy=${e} /><//>`}function da(){let e=ra();return s`<a
      class="skip"
      href="#main"
      onClick=${t=>{t.preventDefault(),e.current?.focus()}}
      >To the content</a
    >
    <${ta} />
    <div class="page">
      <${na} />
      <main id="main" tabindex="-1" ref=${e} aria-label=${ot.value} class=${`screen-${ge.value||"overview"} ${Ne.value?"is-stale":""}`}>
        <${bl} />
      </main>
      <${oa} />
    </div>
    <${Zr} />
    <${mr} />
    <${ea} />`}var pa=document.getElementById("app");pa&&kn(s`<${da} />`,pa);G(()=>{let e=ae.value,t=Ne.value?"No news":e&&Xe[Re(e)];document.title=e?`${t} · ${e.name} · ${ot.value} · Spillway`:"Spillway"});ur();})();
